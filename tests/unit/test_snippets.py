"""Which texts of elsewhere stand in front of a prompt: no secrets, nothing twice, and as few changes as can be."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion.snippets import MOST_SNIPPETS, Snippet, admit, arrange

ROOM = 1000


def snippet(name: str, n_chars: int = 160, *, is_close: bool = False) -> Snippet:
    words = " ".join(f"{name}_{number}" for number in range(n_chars))
    return Snippet(f"definition:{name}", f"{name}.py", words[:n_chars], is_close)


A, B, C, D, E = (snippet(name) for name in "abcde")
KEY = "key = '" + "-----BEGIN " + "PRIVATE KEY-----'"


@pytest.mark.parametrize(
    ("found", "names"),
    [
        ([A, B], ["a", "b"]),
        ([A, A._replace(source="seen:a")], ["a"]),
        ([A, B._replace(path="deploy/.env")], ["a"]),
        ([A, B._replace(path="id_rsa")], ["a"]),
        ([B._replace(text=KEY), A], ["a"]),
        ([B._replace(text="  \n"), A], ["a"]),
    ],
)
def test_what_may_stand_in_a_prompt(found: list[Snippet], names: list[str]) -> None:
    assert [each.source.partition(":")[2] for each in admit(found, "around = 1")] == names


def test_what_stands_around_the_cursor_is_not_said_again() -> None:
    assert admit([A, B], f"before\n{A.text}\nafter") == [B]


def test_the_most_telling_stands_nearest_to_the_hole() -> None:
    assert arrange((), [A, B, C], ROOM, has_moved=False) == (C, B, A)


def test_what_stands_there_stays_and_what_is_new_comes_behind() -> None:
    assert arrange((A, B), [C, B], ROOM, has_moved=False) == (A, B, C)
    assert arrange((A, B), [], ROOM, has_moved=True) == (A, B)


def test_a_full_front_changes_for_what_stands_at_the_cursor_or_after_a_move() -> None:
    full = arrange((), [A, B, C, D, E], ROOM, has_moved=False)
    other = snippet("other")
    assert arrange(full, [other, A, B], ROOM, has_moved=False) == full
    close = other._replace(is_close=True)
    assert arrange(full, [close, A, B], ROOM, has_moved=False) == (B, A, close)
    assert arrange(full, [other, A, B], ROOM, has_moved=True) == (B, A, other)


def test_a_source_that_changed_is_told_anew_in_its_place() -> None:
    changed = A._replace(text="something else")
    assert arrange((A, B), [changed], ROOM, has_moved=False) == (changed, B)


def test_what_is_close_and_too_long_is_cut_once_and_stays_so() -> None:
    long = Snippet("definition:long", "long.py", "\n".join(f"def member_{n}(self):" for n in range(99)), is_close=True)
    (cut,) = arrange((), [long], 300, has_moved=False)
    assert long.text.startswith(cut.text)
    assert cut.text.endswith(":")
    assert arrange((cut,), [long], 300, has_moved=False) == (cut,)


snippets = st.builds(
    lambda name, n_chars, is_close: snippet(name, n_chars, is_close=is_close),
    st.sampled_from(string.ascii_letters),
    st.integers(1, 700),
    st.booleans(),
)
found = st.lists(snippets, max_size=20, unique_by=lambda each: each.source)


@given(st.lists(st.tuples(found, st.booleans()), max_size=6), st.integers(0, 2000))
def test_the_front_fits_and_asking_again_changes_nothing(rounds: list[tuple[list[Snippet], bool]], room: int) -> None:
    held: tuple[Snippet, ...] = ()
    for each, has_moved in rounds:
        held = arrange(held, each, room, has_moved=has_moved)
        assert sum(one.n_chars for one in held) <= room
        assert len(held) <= MOST_SNIPPETS
        assert len({one.source for one in held}) == len(held)
        assert arrange(held, each, room, has_moved=False) == held
