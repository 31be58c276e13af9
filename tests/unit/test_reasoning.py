"""Thinking parted from the answer, however the text is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.reasoning import Reasoning


def read(pieces: list[str], *, is_open: bool) -> tuple[str, str]:
    """Push `pieces`; return all of the thinking and all of the answer."""
    reasoning = Reasoning(is_open=is_open)
    parts = [*map(reasoning.push, pieces), reasoning.finish()]
    thought, answer = ("".join(each) for each in zip(*parts, strict=True))
    first = next((i for i, part in enumerate(parts) if part[1]), len(parts))
    assert not any(part[0] for part in parts[first + 1 :]), "thinking came after the answer had begun"
    return thought, answer


@pytest.mark.parametrize(
    ("text", "is_open", "thought", "answer"),
    [
        ("hello", False, "", "hello"),
        ("  hello", False, "", "  hello"),
        ("", False, "", ""),
        (" \n", False, "", " \n"),
        ("<thin", False, "", "<thin"),
        ("<think>\nhm\n\nso\n</think>\n\nyes", False, "hm\n\nso", "yes"),
        ("\n<think></think>yes", False, "", "yes"),
        ("hm\n</think>\n\nyes", True, "hm", "yes"),
        ("\n\n</think>\n\nyes", True, "", "yes"),
        ("hm, no end\n", True, "hm, no end", ""),
        ("hm </thi", True, "hm </thi", ""),
        ("hm\n</think>\n", True, "hm", ""),
        ("a <think>b</think> c", False, "", "a <think>b</think> c"),
        ("hm</think>a</think>b <think>", True, "hm", "a</think>b <think>"),
        ("hm <think> so</think>a", True, "hm <think> so", "a"),
    ],
)
def test_parts(text: str, is_open: bool, thought: str, answer: str) -> None:
    assert read([text], is_open=is_open) == (thought, answer)
    assert read(list(text), is_open=is_open) == (thought, answer)


TEXTS = st.lists(st.sampled_from(["<think>", "</think>", "<", "/think>", "think", "\n", " ", "a", "é"])).map("".join)


@given(text=TEXTS, cuts=st.lists(st.integers(0, 80)), is_open=st.booleans())
def test_how_the_text_is_cut_changes_nothing(text: str, cuts: list[int], is_open: bool) -> None:
    places = sorted({0, *[min(cut, len(text)) for cut in cuts], len(text)})
    pieces = [text[a:b] for a, b in pairwise(places)]
    thought, answer = read(pieces, is_open=is_open)
    assert (thought, answer) == read([text], is_open=is_open)
    assert [letter for letter in thought + answer if letter in "aé"] == [letter for letter in text if letter in "aé"]


def test_where_one_is_is_known() -> None:
    reasoning = Reasoning(is_open=False)
    assert not reasoning.is_thinking
    reasoning.push("<think>")
    assert reasoning.is_thinking
    reasoning.push("hm</think>")
    assert not reasoning.is_thinking
