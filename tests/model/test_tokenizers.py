"""The real tokenizers: what goes in comes out, and the ids are those of transformers."""

from collections.abc import Set
from pathlib import Path
from typing import Any

import pytest

from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from inference.models.chat_template import ChatTemplate
from inference.models.tokenizer import Tokenizer
from tests.chat_templates import THINKING, TOOLS
from tests.conftest import gguf_for_tests, pull_for_tests
from tests.model.samples import SAMPLES


@pytest.fixture(scope="module")
def tokenizer(test_model_dir: Path) -> Tokenizer:
    return Tokenizer.from_directory(test_model_dir)


@pytest.mark.parametrize("name", SAMPLES)
def test_round_trip(tokenizer: Tokenizer, name: str) -> None:
    check_round_trip(tokenizer, SAMPLES[name])


def test_equal_to_transformers(tokenizer: Tokenizer) -> None:
    # transformers leaves out, when it reads a GGUF, that SmolLM splits digits of every script one by one.
    compare_with_transformers(tokenizer, gguf_for_tests(TEST_MODEL), but={"other digits"})


TOOL = {
    "type": "function",
    "function": {
        "name": "f",
        "description": "Größe <x> & 'y'",
        "parameters": {"type": "object", "properties": {"b": {}}},
    },
}
CALL = {"name": "f", "arguments": {"b": 'Köln "x"\n', "a": [1, True, None], "c": 3}}


@pytest.mark.parametrize("switches", [{}, {"preserve_thinking": True, "enable_thinking": False}])
@pytest.mark.parametrize("source", [THINKING, TOOLS])
def test_chats_with_tools_and_thinking_are_those_of_transformers(
    test_model_dir: Path, source: str, switches: dict[str, bool]
) -> None:
    from transformers import PreTrainedTokenizerFast

    reference = PreTrainedTokenizerFast.from_pretrained(str(test_model_dir))
    tokenizer = Tokenizer.from_directory(test_model_dir)
    tokenizer.chat_template = ChatTemplate(source, ["<|im_start|>", "<|im_end|>"], {})
    tool_calls = [{"id": "c", "type": "function", "function": CALL}]
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": " hi 漢字\n"},
        {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": tool_calls},
        {"role": "tool", "content": "21", "tool_call_id": "c"},
        {"role": "assistant", "content": "It is 21."},
        {"role": "user", "content": "go on"},
    ]
    rendered = reference.apply_chat_template(
        messages, tools=[TOOL], chat_template=source, add_generation_prompt=True, tokenize=False, **switches
    )
    ours = tokenizer.render_chat(messages, [TOOL], switches)
    assert ours.ids == reference.encode(rendered, add_special_tokens=False)


@pytest.mark.long
def test_default_model() -> None:
    tokenizer = Tokenizer.from_directory(pull_for_tests(DEFAULT_MODEL))

    for sample in SAMPLES.values():
        check_round_trip(tokenizer, sample)
    compare_with_transformers(tokenizer, gguf_for_tests(DEFAULT_MODEL))


def check_round_trip(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    stream = tokenizer.stream_decoder()
    assert "".join(map(stream.push, ids)) + stream.finish() == text
    controls = {tokenizer.special(token) for token in ("<|im_end|>", "<|endoftext|>", "<|fim_prefix|>", "<file_sep>")}
    assert not controls.intersection(ids)


def compare_with_transformers(tokenizer: Tokenizer, gguf: Path, but: Set[str] = frozenset()) -> None:
    """Compare ids of plain text, and of a chat by the same template, with the tokenizer transformers makes."""
    from transformers import AutoTokenizer

    reference = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    for name, sample in SAMPLES.items():
        if name not in but and name != "control tokens":
            assert tokenizer.encode(sample) == reference.encode(sample, add_special_tokens=False), name
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "  What is 2 + 2?\n"},
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": "And 漢字?"},
    ]
    rendered = reference.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert tokenizer.render_chat(messages).ids == reference.encode(rendered, add_special_tokens=False)
