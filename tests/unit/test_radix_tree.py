"""The tree against a list that is gone through whole."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from inference.radix_tree import RadixTree

TOKENS = st.lists(st.integers(0, 2), max_size=7)


@dataclass(eq=False)
class Value:
    tokens: list[int]


def n_common(left: list[int], right: list[int]) -> int:
    n = 0
    while n < min(len(left), len(right)) and left[n] == right[n]:
        n += 1
    return n


@given(steps=st.lists(st.tuples(TOKENS, st.booleans()), max_size=20), asked=st.lists(TOKENS, min_size=1, max_size=4))
def test_every_value_comes_with_what_it_shares(steps: list[tuple[list[int], bool]], asked: list[list[int]]) -> None:
    tree: RadixTree[Value] = RadixTree()
    values: list[Value] = []
    for tokens, is_insert in steps:
        if is_insert or not values:
            values.append(Value(tokens))
            tree.insert(tokens, values[-1])
        else:
            gone = values.pop(len(tokens) % len(values))
            tree.remove(gone.tokens, gone)
        for prompt in asked:
            found = sorted((n, id(value)) for n, value in tree.shared(prompt))
            assert found == sorted((n_common(prompt, value.tokens), id(value)) for value in values)


def test_a_look_up_is_linear() -> None:
    class Counted(list[int]):
        n_read = 0

        def __getitem__(self, key: object) -> object:  # type: ignore[override]
            Counted.n_read += 1 if isinstance(key, int) else len(range(*key.indices(len(self))))  # type: ignore[attr-defined]
            return super().__getitem__(key)  # type: ignore[call-overload]

    tree: RadixTree[int] = RadixTree()
    for length in range(100, 5000, 100):
        tree.insert([7] * length + [8], length)
    prompt = Counted([7] * 5000)
    assert max(tree.shared(prompt)) == (4900, 4900)
    assert Counted.n_read < 3 * len(prompt)
