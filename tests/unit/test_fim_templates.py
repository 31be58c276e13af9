"""The exact token sequences of the templates, and what goes first when a prompt does not fit."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.fim_families import TEMPLATES
from inference.fim_templates import Hole, build_fim_prompt, build_prefix_prompt

QWEN = TEMPLATES["qwen"]
NAMES = (
    *("<|repo_name|>", "<|file_sep|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>"),
    "<|endoftext|>",
)


class CharacterTokenizer:
    """One token a character; control tokens are negative, so that no text can make one."""

    def encode(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(chr(token) if token >= 0 else NAMES[-1 - token] for token in ids)

    def special(self, text: str) -> int | None:
        return -1 - NAMES.index(text) if text in NAMES else None


TOKENIZER = CharacterTokenizer()


def write(hole: Hole, budget: int = 10_000) -> str:
    """Give the prompt with its control tokens spelled out."""
    ids = build_fim_prompt(hole, QWEN, TOKENIZER, budget).ids
    assert len(ids) <= budget
    return TOKENIZER.decode(ids)


@pytest.mark.parametrize(
    ("hole", "prompt"),
    [
        (Hole("P", "S"), "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>"),
        (Hole("", ""), "<|fim_prefix|><|fim_suffix|><|fim_middle|>"),
        (Hole("P", "S", path="a.py", repo="R"), "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>"),
        (
            Hole("P", "S", path="a.py", repo="R", snippets=(("b.py", "b\n"), ("c.py", "c"))),
            "<|repo_name|>R\n<|file_sep|>b.py\nb\n<|file_sep|>c.py\nc\n<|file_sep|>a.py\n"
            "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
        ),
    ],
)
def test_qwen(hole: Hole, prompt: str) -> None:
    assert write(hole) == prompt


def test_the_answer_goes_on_from_the_end_of_the_prefix() -> None:
    hole = Hole("before", "after", path="a.py", repo="R", snippets=(("b.py", "b\n"),))
    prompt = build_fim_prompt(hole, QWEN, TOKENIZER, 10_000)
    assert TOKENIZER.decode(prompt.ids[: prompt.goes_on_at]).endswith("<|fim_prefix|>before")
    assert build_prefix_prompt(hole, TOKENIZER, 100, 0).goes_on_at is None


def test_later_prompts_may_differ_behind_snippets_and_line_starts() -> None:
    hole = Hole("import a\n\n\ndef f(x):\n    y = x\n    return y", "\n", path="a.py", snippets=(("b.py", "b\n"),))
    prompt = build_fim_prompt(hole, QWEN, TOKENIZER, 10_000)
    ends = [TOKENIZER.decode(prompt.ids[:cut]).rsplit("\n", 2)[-2:] for cut in prompt.cuts]
    assert ends == [["b", ""], ["", ""], ["    y = x", ""], ["    y = x", "    return y"]]
    assert TOKENIZER.decode(prompt.ids[prompt.cuts[1] :]).startswith("def f")


def test_a_line_start_within_a_token_is_no_place_to_cut() -> None:
    class Merging(CharacterTokenizer):
        def encode(self, text: str) -> list[int]:
            return super().encode(text.replace("\n    ", "\x01"))

        def decode(self, ids: Sequence[int]) -> str:
            return super().decode(ids).replace("\x01", "\n    ")

    prompt = build_fim_prompt(Hole("def f():\n    return", ""), QWEN, Merging(), 10_000)
    assert all(Merging().decode(prompt.ids[cut:]).startswith("<|") for cut in prompt.cuts)


def test_text_never_becomes_a_control_token() -> None:
    hole = Hole("<|fim_middle|>", "<|endoftext|>", path="<|file_sep|>", snippets=(("x", "<|repo_name|>"),))
    ids = build_fim_prompt(hole, QWEN, TOKENIZER, 10_000).ids
    assert [NAMES[-1 - token] for token in ids if token < 0] == [
        *("<|file_sep|>", "<|file_sep|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
    ]


def test_the_stops_are_what_may_follow_a_middle() -> None:
    stops = build_fim_prompt(Hole("", ""), QWEN, TOKENIZER, 100).stop_ids
    assert {NAMES[-1 - token] for token in stops} == set(QWEN.stops)


def test_snippets_go_first_and_the_first_of_them_before_the_others() -> None:
    hole = Hole("P" * 20, "S" * 20, snippets=(("b", "b" * 20), ("c", "c" * 20)))
    whole = write(hole)
    assert write(hole, 3 + 40 + 2 * 24 - 1) == whole.replace("<|file_sep|>b\n" + "b" * 20 + "\n", "")
    assert "c" not in write(hole, 3 + 40 + 24 - 1)
    assert write(hole, 43) == f"<|fim_prefix|>{hole.prefix}<|fim_suffix|>{hole.suffix}<|fim_middle|>"


def test_then_the_far_end_of_the_suffix_then_the_front_of_the_prefix_at_a_line_start() -> None:
    lines = "".join(f"line {number}\n" for number in range(10))  # 70 characters
    hole = Hole(lines, "0123456789" * 4)
    assert write(hole, 3 + 70 + 11) == f"<|fim_prefix|>{lines}<|fim_suffix|>01234567890<|fim_middle|>"
    prompt = write(hole, 3 + 48)
    prefix, suffix = prompt.removesuffix("<|fim_middle|>").removeprefix("<|fim_prefix|>").split("<|fim_suffix|>")
    assert suffix == "012345"  # an eighth of the room stays
    assert prefix.startswith("line ")
    assert lines.endswith(prefix)
    assert 42 * 3 // 4 - 7 < len(prefix) <= 42


def test_the_cut_stays_in_place_while_someone_types() -> None:
    lines = "".join(f"line {number}\n" for number in range(1000))
    fronts = {write(Hole(lines + "x" * typed, "S"), 1003)[:30] for typed in range(100)}
    assert len(fronts) <= 2


def test_names_that_are_longer_than_the_code_go() -> None:
    assert write(Hole("P", "S", path="p" * 90, repo="r" * 90), 100) == "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>"


def test_a_model_without_these_tokens_gets_the_prefix_alone() -> None:
    hole = Hole("a\nb", "S", path="p", repo="R", snippets=(("x", "y"),))
    assert build_prefix_prompt(hole, TOKENIZER, 100, start_id=7).ids == TOKENIZER.encode("a\nb")
    assert build_prefix_prompt(hole, TOKENIZER, 2, start_id=7).ids == TOKENIZER.encode("b")
    assert build_prefix_prompt(Hole("", "S"), TOKENIZER, 100, start_id=7).ids == [7]


TEXT = st.text("ab\n🙂", max_size=60)


@given(
    hole=st.builds(
        Hole,
        prefix=TEXT,
        suffix=TEXT,
        path=st.none() | st.text("p/", min_size=1, max_size=9),
        repo=st.none() | st.text("r", min_size=1, max_size=9),
        snippets=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    ),
    budget=st.integers(8, 200),
)
def test_whatever_the_budget_the_prompt_fits_and_keeps_what_is_next_to_the_hole(hole: Hole, budget: int) -> None:
    prompt = write(hole, budget)
    before, _, after = prompt.rpartition("<|fim_prefix|>")[2].removesuffix("<|fim_middle|>").partition("<|fim_suffix|>")
    assert hole.prefix.endswith(before)
    assert hole.suffix.startswith(after)
    if len(hole.prefix) + len(hole.suffix) + 3 > budget:
        assert "<|file_sep|>" not in prompt or len(hole.path or "") + 2 <= budget // 2
    assert build_prefix_prompt(hole, TOKENIZER, budget, 7).ids
