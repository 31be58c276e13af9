"""The exact token sequence of every family, and which family a vocabulary belongs to."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers

from inference.fim_families import TEMPLATES, find_template
from inference.fim_templates import Hole, build_fim_prompt
from inference.models.load import load_model
from inference.models.tokenizer import Tokenizer
from tests.tiny_model import write_tiny_checkpoint

BARE = Hole("P", "S")
FULL = Hole("P", "S", path="a.py", repo="R", snippets=(("b.py", "b\n"), ("c.py", "c")))

# Of each family's vocabulary what matters here.
CONTROL_TOKENS = {
    "qwen": "<|endoftext|> <|im_start|> <|repo_name|> <|file_sep|> <|fim_prefix|> <|fim_suffix|> <|fim_middle|>"
    " <|fim_pad|>",
    "codegemma": "<bos> <eos> <|fim_prefix|> <|fim_suffix|> <|fim_middle|> <|file_separator|>",
    "granite": "<|end_of_text|> <|fim_prefix|> <|fim_suffix|> <|fim_middle|> <|fim_pad|> <|start_of_role|>",
    "starcoder2": "<|endoftext|> <fim_prefix> <fim_suffix> <fim_middle> <fim_pad> <repo_name> <file_sep>",
    "mellum": "<|endoftext|> <fim_prefix> <fim_suffix> <fim_middle> <fim_pad> <filename> <reponame>",
    "seed": "<[begin▁of▁sentence]> <[end▁of▁sentence]> <[fim-suffix]> <[fim-prefix]> <[fim-middle]>",
    "codestral": "<s> </s> [INST] [SUFFIX] [PREFIX] [MIDDLE]",
    "codellama": "<s> </s> ▁<PRE> ▁<SUF> ▁<MID> ▁<EOT>",
    "deepseek": "<｜begin▁of▁sentence｜> <｜end▁of▁sentence｜>"  # noqa: RUF001  # as above
    " <｜fim▁begin｜> <｜fim▁hole｜> <｜fim▁end｜>",  # noqa: RUF001  # as above
}
SEQUENCES = {
    "qwen": (
        "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
        "<|repo_name|>R\n<|file_sep|>b.py\nb\n<|file_sep|>c.py\nc\n<|file_sep|>a.py\n"
        "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
    ),
    "codegemma": (
        "<bos><|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
        "<bos>b.py\nb\n<|file_separator|>c.py\nc\n<|file_separator|>a.py\n<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
    ),
    "granite": ("<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",) * 2,
    "starcoder2": (
        "<file_sep><fim_prefix>P<fim_suffix>S<fim_middle>",
        "<repo_name>R<file_sep>b.py\nb\n<file_sep>c.py\nc<file_sep><fim_prefix>a.py\nP<fim_suffix>S<fim_middle>",
    ),
    "mellum": (
        "<fim_suffix>S<fim_prefix>P<fim_middle>",
        "<filename>b.py\nb\n<filename>c.py\nc\n<filename>a.py\n<fim_suffix>S<fim_prefix>P<fim_middle>",
    ),
    "seed": ("<[fim-suffix]>S<[fim-prefix]>P<[fim-middle]>",) * 2,
    "codestral": (
        "<s>[SUFFIX]S[PREFIX]P",
        "<s>[SUFFIX]S[PREFIX]+++++ b.py\nb\n\n+++++ c.py\nc\n\n+++++ a.py\nP",
    ),
    "codellama": ("<s>▁<PRE>P▁<SUF>S▁<MID>",) * 2,
    "deepseek": (
        "<｜begin▁of▁sentence｜><｜fim▁begin｜>P<｜fim▁hole｜>S<｜fim▁end｜>",  # noqa: RUF001  # as above
    )
    * 2,
}


class Vocabulary:
    """One token a character; control tokens, which `names` has, are negative, so that no text can make one."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)

    def encode(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(chr(token) if token >= 0 else self.names[-1 - token] for token in ids)

    def special(self, text: str) -> int | None:
        return -1 - self.names.index(text) if text in self.names else None

    def spell(self, text: str) -> list[int]:
        """Encode `text` with its control tokens."""
        ids: list[int] = []
        while text:
            name = next((name for name in self.names if text.startswith(name)), None)
            ids.append(ord(text[0]) if name is None else -1 - self.names.index(name))
            text = text[len(name or "x") :]
        return ids


def vocabulary(family: str) -> Vocabulary:
    return Vocabulary(CONTROL_TOKENS[family].split())


@pytest.mark.parametrize("family", TEMPLATES)
@pytest.mark.parametrize("is_full", [False, True])
def test_the_exact_sequence(family: str, is_full: bool) -> None:
    tokenizer = vocabulary(family)
    prompt = build_fim_prompt(FULL if is_full else BARE, TEMPLATES[family], tokenizer, 1000)
    assert tokenizer.decode(prompt.ids) == SEQUENCES[family][is_full]
    assert prompt.ids == tokenizer.spell(SEQUENCES[family][is_full])
    assert tokenizer.decode(prompt.ids[: prompt.goes_on_at]).endswith("P")


@pytest.mark.parametrize("family", TEMPLATES)
def test_a_vocabulary_is_known_by_its_control_tokens(family: str) -> None:
    assert find_template(vocabulary(family).special) == family
    needed = TEMPLATES[family].control_tokens()
    assert set(needed) <= set(vocabulary(family).names)
    less = [name for name in vocabulary(family).names if name != needed[-1]]
    assert find_template(Vocabulary(less).special) != family


def test_a_folder_is_filled_in_by_the_family_of_its_control_tokens(tmp_path: Path) -> None:
    for missing, family in (("nothing", "qwen"), ("file_sep", "granite")):
        directory = write_tiny_checkpoint(tmp_path / missing)
        file = directory / "tokenizer.json"
        file.write_text(file.read_text().replace(missing, "unused"))
        loaded = load_model(directory)
        assert (loaded.family, loaded.fim) == (family, True)
    assert not load_model(write_tiny_checkpoint(tmp_path / "plain", fim=False)).fim


def test_other_vocabularies_have_no_template() -> None:
    assert find_template(Vocabulary(["<|endoftext|>", "<|im_start|>", "<s>"]).special) is None


@pytest.mark.parametrize("family", TEMPLATES)
def test_every_family_stops_where_its_text_ends(family: str) -> None:
    tokenizer = vocabulary(family)
    stops = build_fim_prompt(BARE, TEMPLATES[family], tokenizer, 100).stop_ids
    assert stops
    assert all(token < 0 for token in stops)


@pytest.mark.parametrize("family", TEMPLATES)
def test_later_prompts_may_differ_behind_files_suffix_and_functions(family: str) -> None:
    tokenizer = vocabulary(family)
    hole = Hole("import a\n\n\ndef f(x):\n    return x", "after", path="a.py", snippets=(("b.py", "b\n"),))
    template = TEMPLATES[family]
    prompt = build_fim_prompt(hole, template, tokenizer, 1000)
    ends = [tokenizer.decode(prompt.ids[:cut]).removesuffix("<|file_separator|>")[-8:] for cut in prompt.cuts]
    starts = [tokenizer.decode(prompt.ids[cut:])[:5] for cut in prompt.cuts]
    assert ends[-1] == "return x"
    assert starts[-3:-1] == ["def f", "    r"]
    assert any(end.endswith("after") for end in ends) == (family in {"seed", "mellum", "codestral"})
    assert any("b\n" in end for end in ends[:-3]) == (template.file is not None)
    # What is typed changes only what stands behind the last line's start.
    typed = build_fim_prompt(Hole(hole.prefix + " +", "after", "a.py", None, hole.snippets), template, tokenizer, 1000)
    assert typed.cuts[:-1] == prompt.cuts[:-1]
    assert typed.ids[: prompt.cuts[-1]] == prompt.ids[: prompt.cuts[-1]]


@given(
    family=st.sampled_from(list(TEMPLATES)),
    lengths=st.tuples(*[st.integers(0, 99)] * 4),
    budget=st.integers(8, 300),
)
def test_whatever_the_family_the_prompt_fits(family: str, lengths: tuple[int, ...], budget: int) -> None:
    prefix, suffix, path, text = ("x" * length for length in lengths)
    hole = Hole(prefix, suffix, path or None, path or None, ((path, text),) * 2)
    prompt = build_fim_prompt(hole, TEMPLATES[family], vocabulary(family), budget)
    assert 0 < len(prompt.ids) <= budget
    assert all(0 < cut <= len(prompt.ids) for cut in prompt.cuts)


def sentencepiece(family: str) -> tokenizers.Tokenizer:
    """Build a vocabulary of the kind of Llama 2's, which puts a space before every text."""
    pieces = ["▁", "\n", *(chr(code) for code in range(0x21, 0x7F)), "▁P", "▁S", "▁+", "++"]
    vocab = {piece: index for index, piece in enumerate(["<unk>", *pieces])}
    merges = [("▁", "P"), ("▁", "S"), ("▁", "+"), ("+", "+")]
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    names = CONTROL_TOKENS[family].split()
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    return tokenizer


@pytest.mark.parametrize(
    ("family", "hole", "pieces"),
    [
        ("codellama", BARE, "<s> ▁<PRE> ▁P ▁<SUF> S ▁<MID>"),
        ("codestral", BARE, "<s> [SUFFIX] S [PREFIX] ▁P"),
        ("codestral", Hole("P", "S", path="a"), "<s> [SUFFIX] S [PREFIX] ▁+ ++ ++ ▁ a \n P"),
        (
            "codestral",
            Hole("P", "", path="a", snippets=(("b", "c"), ("d", "e"))),
            "<s> [SUFFIX] [PREFIX] ▁+ ++ ++ ▁ b \n c \n \n ++ ++ + ▁ d \n e \n \n ++ ++ + ▁ a \n P",
        ),
    ],
)
def test_sentencepiece_puts_no_space_where_text_goes_on(family: str, hole: Hole, pieces: str) -> None:
    raw = sentencepiece(family)
    prompt = build_fim_prompt(hole, TEMPLATES[family], Tokenizer(raw), 100)
    assert [raw.id_to_token(token) for token in prompt.ids] == pieces.split(" ")
