"""Stop strings over token borders, pieces and their probabilities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.text_stream import StopStrings, TextStream


class Characters:
    """Decodes every id as one character; -1 as the beginning of a character that never comes."""

    def __init__(self) -> None:
        self.held = False

    def push(self, token_id: int) -> str:
        self.held = token_id < 0
        return "" if self.held else chr(token_id)

    def finish(self) -> str:
        held, self.held = self.held, False
        return "\ufffd" if held else ""


def run(stops: tuple[str, ...], pieces: list[str]) -> tuple[str, bool]:
    """Push `pieces` until a stop string is found; return what may be shown, and whether one was."""
    watch, shown = StopStrings(stops), ""
    for piece in pieces:
        shown += watch.push(piece)
        if watch.was_hit:
            return shown, True
    return shown + watch.finish(), False


@pytest.mark.parametrize(
    ("stops", "pieces", "shown", "was_hit"),
    [
        ((), ["abc"], "abc", False),
        (("x",), ["abc"], "abc", False),
        (("\n\n",), ["a\n", "\nb"], "a", True),
        (("\n\n",), ["a\n", "b\n"], "a\nb\n", False),
        (("aab",), ["aa", "ab"], "a", True),  # the held back beginning moves on
        (("abc", "b"), ["ab", "c"], "a", True),  # complete first, though it starts later
        (("stop",), ["s", "t", "o", "p", "!"], "", True),
        (("stop",), ["sto"], "sto", False),
        (("🙂",), ["a🙂b"], "a", True),
    ],
)
def test_stop_strings(stops: tuple[str, ...], pieces: list[str], shown: str, was_hit: bool) -> None:
    assert run(stops, pieces) == (shown, was_hit)


@given(
    stops=st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3).map(tuple),
    pieces=st.lists(st.text("ab\n", max_size=5), max_size=12),
)
def test_how_tokens_cut_the_text_changes_nothing(stops: tuple[str, ...], pieces: list[str]) -> None:
    shown, was_hit = run(stops, pieces)
    assert (shown, was_hit) == run(stops, list("".join(pieces)))
    text = "".join(pieces)
    assert was_hit == any(stop in text for stop in stops)
    assert text.startswith(shown)
    assert not any(stop in shown for stop in stops)
    if not was_hit:
        assert shown == text


def test_a_piece_carries_the_probability_of_all_its_tokens() -> None:
    stream = TextStream(Characters(), ("abc",))
    assert stream.push(ord("a"), -1.0) is None
    assert stream.push(ord("b"), -2.0) is None
    piece = stream.push(ord("x"), -4.0)
    assert piece is not None
    assert (piece.text, piece.logprob) == ("abx", -7.0)


def test_what_was_held_back_comes_at_the_end() -> None:
    stream = TextStream(Characters(), ("ab",))
    assert stream.push(ord("a"), None) is None
    assert stream.push(-1, None) is None
    piece = stream.finish()
    assert piece is not None
    assert (piece.text, piece.logprob) == ("a\ufffd", None)
    assert stream.finish() is None


def test_nothing_comes_after_a_stop_string() -> None:
    stream = TextStream(Characters(), ("ab",))
    stream.push(ord("a"), None)
    assert stream.push(ord("b"), None) is None
    assert stream.was_stopped
    assert stream.finish() is None
