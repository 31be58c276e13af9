"""Tokenizer, stream decoder and chat template on tiny vocabularies."""

import json
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, pre_tokenizers

from inference.errors import ModelUnsupported
from inference.models.chat_template import ChatTemplate
from inference.models.gguf_tokenizer import build_tokenizer, write_tokenizer
from inference.models.tokenizer import Tokenizer
from tests.model.tiny_gguf import CHAT_TEMPLATE, CONTROL_TOKENS, MERGES, USER_TOKENS, vocabulary


def metadata(pre: str = "qwen2") -> dict[str, object]:
    tokens, types = vocabulary()
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": MERGES,
        "tokenizer.ggml.eos_token_id": tokens.index("<|im_end|>"),
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


TOKENIZERS = {
    pre: Tokenizer(build_tokenizer(metadata(pre)), ChatTemplate(CHAT_TEMPLATE, CONTROL_TOKENS, {}))
    for pre in ("qwen2", "smollm")
}
QWEN = TOKENIZERS["qwen2"]
SPECIAL_IDS = {QWEN.special(token) for token in CONTROL_TOKENS + USER_TOKENS}
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(
    st.sampled_from([*CONTROL_TOKENS, *USER_TOKENS, "<|", "im_end|>", "the ", "\r\n", "\t", "é", "😀", "漢"])
).map("".join)


@pytest.mark.parametrize("pre", TOKENIZERS)
@given(text=TEXTS)
def test_text_survives_and_never_becomes_a_control_token(pre: str, text: str) -> None:
    tokenizer = TOKENIZERS[pre]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert not SPECIAL_IDS.intersection(ids)


@given(st.lists(st.integers(0, QWEN.n_vocab - 1)))
def test_stream_equals_whole_for_any_ids(ids: list[int]) -> None:
    raw = b"".join(QWEN.stream_decoder()._token_bytes[i] for i in ids)
    stream = QWEN.stream_decoder()
    assert "".join([*map(stream.push, ids), stream.finish()]) == raw.decode("utf-8", "replace")


def test_stream_holds_back_half_a_character() -> None:
    ids = QWEN.encode("a😀b")
    stream = QWEN.stream_decoder()

    pieces = [stream.push(i) for i in ids]

    assert pieces == ["a", "", "", "", "😀", "b"]
    assert stream.finish() == ""


def test_stream_that_ends_within_a_character() -> None:
    stream = QWEN.stream_decoder()
    assert [stream.push(i) for i in QWEN.encode("😀")[:-1]] == ["", "", ""]
    assert stream.finish() == "\N{REPLACEMENT CHARACTER}"


def test_special_and_decode_of_control_tokens() -> None:
    end = QWEN.special("<|im_end|>")
    assert end is not None
    assert QWEN.decode([end]) == "<|im_end|>"
    assert QWEN.special("<|no_such|>") is None
    assert QWEN.special("the") is None


def test_padding_rows_have_no_token() -> None:
    assert QWEN.decode([QWEN.n_vocab, QWEN.n_vocab + 1]) == ""


def test_qwen2_splits_digits_one_by_one_and_keeps_letters_together() -> None:
    tokenizer = build_tokenizer(metadata())
    pieces = [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str("def f12('It''s')\r\n\r\n  x")]
    assert pieces == ["def", "Ġf", "1", "2", "('", "It", "''", "s", "')čĊčĊ", "Ġ", "Ġx"]


def test_smollm_splits_as_gpt2_with_single_digits() -> None:
    tokenizer = build_tokenizer(metadata("smollm"))
    pieces = [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str("it's 12\n\n  x")]
    assert pieces == ["it", "'s", "Ġ", "1", "2", "ĊĊĠ", "Ġx"]


@pytest.mark.parametrize("change", [{"tokenizer.ggml.model": "llama"}, {"tokenizer.ggml.pre": "deepseek-llm"}])
def test_unknown_kinds_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ModelUnsupported, match="not known to this version"):
        build_tokenizer(metadata() | change)


def test_files_are_read_back(tmp_path: Path) -> None:
    write_tokenizer(metadata(), tmp_path)

    tokenizer = Tokenizer.from_directory(tmp_path)

    assert tokenizer.encode("the def") == QWEN.encode("the def")
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["eos_token"] == "<|im_end|>"
    assert (
        tokenizer.render_chat([{"role": "user", "content": "hi"}]).ids
        == QWEN.render_chat([{"role": "user", "content": "hi"}]).ids
    )


def test_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelUnsupported, match=r"tokenizer\.json cannot be read"):
        Tokenizer.from_directory(tmp_path)


class TestSentencePiece:
    """Vocabularies with byte fallback, whose decoder strips the first space."""

    @pytest.fixture
    def tokenizer(self) -> Tokenizer:
        words = ["▁", "▁a", "b", "▁b", "c"]
        vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)}
        vocabulary.update({word: 256 + i for i, word in enumerate(words)})
        raw = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[("▁", "b")], byte_fallback=True))
        raw.pre_tokenizer = pre_tokenizers.Metaspace()
        raw.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        raw.add_tokens([AddedToken("<turn>", special=False)])
        return Tokenizer(raw)

    def test_first_space_goes_and_others_stay(self, tokenizer: Tokenizer) -> None:
        ids = tokenizer.encode("b b")
        stream = tokenizer.stream_decoder()
        assert [stream.push(i) for i in ids] == ["b", " b"]

    def test_characters_over_bytes(self, tokenizer: Tokenizer) -> None:
        assert tokenizer.decode(tokenizer.encode("b😀漢 b")) == "b😀漢 b"

    def test_tokens_not_marked_special_are_plain_text_too(self, tokenizer: Tokenizer) -> None:
        assert tokenizer.special("<turn>") not in tokenizer.encode("<turn>")


def test_unknown_decoder_is_refused() -> None:
    raw = tokenizers.Tokenizer(models.WordPiece(vocab={"a": 0}, unk_token="a"))
    raw.decoder = decoders.WordPiece()
    with pytest.raises(ModelUnsupported, match="WordPiece"):
        Tokenizer(raw)


class TestChat:
    def test_template_tokens_are_control_and_contents_are_not(self) -> None:
        ids = QWEN.render_chat([{"role": "user", "content": "say <|im_end|>"}]).ids

        assert QWEN.decode(ids) == "<|im_start|>user\nsay <|im_end|><|im_end|>\n<|im_start|>assistant\n"
        assert ids.count(QWEN.special("<|im_end|>") or -1) == 1
        assert ids.count(QWEN.special("<|im_start|>") or -1) == 2

    def test_template_sees_contents_as_they_are(self) -> None:
        ids = QWEN.render_chat([{"role": "user", "content": "  padded \n"}]).ids
        assert "user\npadded<|im_end|>" in QWEN.decode(ids)

    @given(st.lists(TEXTS, min_size=1, max_size=4))
    def test_no_content_forges_a_turn(self, contents: list[str]) -> None:
        messages = [{"role": "user", "content": content} for content in contents]
        ids = QWEN.render_chat(messages).ids

        assert ids.count(QWEN.special("<|im_start|>") or -1) == len(messages) + 1
        assert ids.count(QWEN.special("<|im_end|>") or -1) == len(messages)
        assert len(SPECIAL_IDS.intersection(ids)) == 2
        expected = "".join(f"<|im_start|>user\n{content.strip()}<|im_end|>\n" for content in contents)
        assert QWEN.decode(ids) == f"{expected}<|im_start|>assistant\n"

    @given(TEXTS)
    def test_no_content_completes_a_name_of_the_template(self, content: str) -> None:
        """A template that ends its own text in the middle of a name, and goes on with the end of one."""
        source = "{% for message in messages %}<|im_{{ message.content }}end|>{% endfor %}"
        template = ChatTemplate(source, CONTROL_TOKENS, {})
        for name in ("start|>", content or "x", "<|im_", f"start|>{content}<|im_"):
            pieces = template.render([{"role": "user", "content": name}]).pieces
            assert [piece for piece, is_control in pieces if is_control] == []
            assert "".join(piece for piece, _ in pieces) == f"<|im_{name}end|>"

    def test_overlapping_names(self) -> None:
        template = ChatTemplate("{{ messages[0].content }}", ["abc", "bcd", "cab"], {})
        pieces = template.render([{"role": "user", "content": "abcabcdcab"}]).pieces
        assert pieces == [("abcabcdcab", False)]

    @pytest.mark.parametrize(
        ("source", "sentence"),
        [
            ("{{ raise_exception('only user turns') }}", "refuses the messages: only user turns"),
            ("{{ messages[0].__class__.__mro__ }}", "refuses the messages"),
            ("{{ messages.append(1) }}", "refuses the messages"),
        ],
    )
    def test_template_that_refuses_or_reaches_out(self, source: str, sentence: str) -> None:
        template = ChatTemplate(source, CONTROL_TOKENS, {})
        with pytest.raises(ModelUnsupported, match=sentence):
            template.render([{"role": "user", "content": "x"}])

    def test_template_that_is_none(self) -> None:
        with pytest.raises(ModelUnsupported, match="not valid"):
            ChatTemplate("{% if %}", CONTROL_TOKENS, {})

    def test_role_that_is_none(self) -> None:
        with pytest.raises(ModelUnsupported, match="role is one of assistant, system, tool, user"):
            QWEN.render_chat([{"role": "<|im_end|>", "content": "x"}])

    def test_model_without_template(self) -> None:
        with pytest.raises(ModelUnsupported, match="no chat template"):
            Tokenizer(build_tokenizer(metadata())).render_chat([])
