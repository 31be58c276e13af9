"""The scenes of `hearthline try`: everyday code with a hole that what stands behind the cursor helps to fill."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scene:
    """A file, split at the cursor. `typed` is typed, keystroke by keystroke, between `before` and `after`."""

    file_name: str
    before: str
    typed: str
    after: str


SCENES = (
    Scene(
        file_name="statistics.py",
        before='''\
def mean(values: list[float]) -> float:
    """Return the arithmetic mean of the values."""
    total = 0.0
    ''',
        typed="for ",
        after="""
    return total / len(values)
""",
    ),
    Scene(
        file_name="words.py",
        before='''\
def count_words(text: str) -> dict[str, int]:
    """Count how often each word occurs, ignoring case."""
    counts: dict[str, int] = {}
    for word in text.lower().split():
        ''',
        typed="counts[word] = ",
        after="""
    return counts
""",
    ),
    Scene(
        file_name="search.py",
        before='''\
def binary_search(items: list[int], target: int) -> int:
    """Return the index of target in the sorted list, or -1."""
    ''',
        typed="low, high = 0, ",
        after="""
    while low <= high:
        middle = (low + high) // 2
        if items[middle] == target:
            return middle
        if items[middle] < target:
            low = middle + 1
        else:
            high = middle - 1
    return -1
""",
    ),
    Scene(
        file_name="primes.py",
        before='''\
def is_prime(n: int) -> bool:
    """Return True if n is a prime number."""
''',
        typed="    if n",
        after="",
    ),
)
