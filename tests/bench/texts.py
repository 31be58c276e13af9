"""What the servers are asked to go on from. Pure: a number in, text out; different numbers share no beginning.

The text is the benches' own, so that nothing has to be fetched and every machine measures the same tokens.
"""

from collections.abc import Iterator

_NOUNS = (
    "invoice",
    "sensor",
    "planet",
    "ticket",
    "recipe",
    "vessel",
    "ledger",
    "parcel",
    "member",
    "signal",
    "harbour",
)
_VERBS = (
    "load",
    "check",
    "merge",
    "count",
    "split",
    "rank",
    "pack",
    "trace",
    "close",
    "renew",
    "weigh",
    "match",
    "sign",
)
_ADJECTIVES = ("open", "late", "small", "paid", "heavy", "new", "northern", "broken", "quiet", "final", "common", "red")


def write_module(number: int, n_functions: int) -> str:
    """Write a Python module; a function is about 100 tokens."""
    title = f"{_ADJECTIVES[number % len(_ADJECTIVES)]} {_NOUNS[number % len(_NOUNS)]}"
    functions = [_write_function(number * 7 + index) for index in range(n_functions)]
    return f'"""{number}: about every {title}."""\n\n\n' + "\n\n\n".join(functions) + "\n"


def write_line_to_complete(number: int) -> str:
    """Write the end of a module where someone is typing; about 20 tokens."""
    noun = _NOUNS[number % len(_NOUNS)]
    return f"\n\ndef total_{noun}_{number}(amounts: list[float]) -> float:\n    return"


def write_endless_list(number: int) -> str:
    """Write the beginning of a list that a model goes on with for as long as it may."""
    squares = ", ".join(str(value * value) for value in range(number, number + 24))
    return f"# table {number}\nSQUARES = [{squares},"


def write_rename(number: int) -> str:
    """Write functions, and the beginning of the same with one name changed: most of what follows was there before."""
    noun = _NOUNS[number % len(_NOUNS)]
    block = "\n\n\n".join(_write_function(number * 7 + index, noun) for index in range(3))
    return f"# before {number}\n{block}\n\n\n# after: `records` is called `rows`, and nothing else changes\n" + (
        block[: block.index("\n")] + "\n"
    )


def write_story(number: int) -> str:
    """Write prose that tells a model nothing to copy."""
    adjective, noun = _ADJECTIVES[number % len(_ADJECTIVES)], _NOUNS[(number * 5 + 3) % len(_NOUNS)]
    return (
        f"Chapter {number}. Nobody in the valley had expected the {adjective} {noun} to matter. On the first morning "
        "of spring the old teacher walked down to the river, sat on a stone that the flood had left behind, and began "
        "to write a letter to her brother. She told him, slowly and in no order, everything that had happened since:"
    )


def type_line(text: str, line: str, keystrokes_between_pauses: int) -> Iterator[tuple[str, str]]:
    """Type `line` into the middle of `text`, at a line start; yield what stands before and behind at each pause.

    The last pause is the end of the line.
    """
    lines = text.splitlines(keepends=True)
    before, behind = "".join(lines[: len(lines) // 2]), "".join(lines[len(lines) // 2 :])
    ends = [*range(keystrokes_between_pauses, len(line), keystrokes_between_pauses), len(line)]
    for end in ends:
        yield before + line[:end], "\n" + behind


def _write_function(number: int, noun: str | None = None) -> str:
    noun = noun or _NOUNS[number % len(_NOUNS)]
    verb, adjective = _VERBS[number % len(_VERBS)], _ADJECTIVES[number % len(_ADJECTIVES)]
    return f'''\
def {verb}_{noun}_{number}(path: str, limit: int = {number}) -> list[tuple[str, float]]:
    """{verb.title()} each {adjective} {noun} of the file at `path`, at most `limit` of them."""
    with open(path, encoding="utf-8") as lines:
        records = [line.split(",") for line in lines if line.strip()]
    return [(name.strip(), float(amount)) for name, amount in records[:limit]]'''
