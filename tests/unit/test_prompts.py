"""Chat requests to prompts: what the model's template can say, and what is refused because it cannot."""

import json
from pathlib import Path
from typing import Any

import pytest

from inference.errors import RequestInvalid
from inference.models.chat_template import ChatTemplate
from inference.models.load import LoadedModel
from inference.models.tokenizer import Tokenizer
from inference.openai_api import ChatRequest, parse_request
from inference.prefill_chunks import ChunkSizes
from inference.prompts import build_chat_prompt, make_answer_reader
from inference.residents import Resident
from inference.tool_calls import CallBegun, Content
from tests.chat_templates import MARKS, THINKING, TOOLS
from tests.tiny_model import CONTROL_TOKENS, END_ID, byte_tokenizer

ALWAYS_THINKS = "{{ '<|im_start|>' + messages[0].content + '<think>' }}"
PLAIN = "{{ '<|im_start|>' + messages[0].content }}"
TOOL = {"type": "function", "function": {"name": "f"}}


def resident(template: str | None, n_context: int = 4096) -> Resident:
    names = [*CONTROL_TOKENS, *MARKS]
    chat_template = None if template is None else ChatTemplate(template, names, {})
    tokenizer = Tokenizer(byte_tokenizer(names), chat_template)
    loaded = LoadedModel("m", None, tokenizer, "qwen", False, n_context, frozenset({END_ID}), "float32", Path())
    return Resident(loaded, frozenset({"assistant"}), n_context, ChunkSizes(64, 64), run_ahead=False)


def request(*messages: dict[str, Any], **fields: Any) -> ChatRequest:
    said = messages or ({"role": "user", "content": "x"},)
    return parse_request(json.dumps({"messages": said} | fields).encode(), ChatRequest)


@pytest.mark.parametrize(("template", "form"), [(THINKING, "elements"), (TOOLS, "json")])
def test_tools_are_in_the_prompt_and_calls_are_read_as_the_template_writes_them(template: str, form: str) -> None:
    model = resident(template)
    prompt = build_chat_prompt(request(tools=[TOOL]), model)
    assert '"name": "f"' in model.loaded.tokenizer.decode(prompt.ids)
    assert prompt.call_form == form
    assert {model.loaded.tokenizer.decode([token]) for token in prompt.visible_ids} == {
        "<think>",
        "</think>",
        "<tool_call>",
        "</tool_call>",
    }


def test_without_tools_or_with_none_chosen_marks_of_calls_are_text() -> None:
    for wanted in (request(), request(tools=[TOOL], tool_choice="none")):
        prompt = build_chat_prompt(wanted, resident(TOOLS))
        assert '"name"' not in resident(TOOLS).loaded.tokenizer.decode(prompt.ids)
        text = '<tool_call>{"name": "f"}</tool_call>'
        assert make_answer_reader(wanted, prompt).push(text) == [Content(text)]


def test_the_answer_is_read_as_the_prompt_ends() -> None:
    for switch, thinks in ((True, True), (False, False), (None, True)):
        wanted = request(tools=[TOOL], enable_thinking=switch, parallel_tool_calls=False)
        prompt = build_chat_prompt(wanted, resident(THINKING))
        reader = make_answer_reader(wanted, prompt)
        assert prompt.is_thinking == reader.is_thinking == thinks
        events = reader.push("</think><tool_call><function=f></function></tool_call>") + reader.finish()
        assert CallBegun(0, "f") in events
        assert reader.is_complete


def test_a_late_system_message_does_not_reach_a_template_that_refuses_it() -> None:
    late = {"role": "system", "content": "mind the gap"}
    prompt = build_chat_prompt(request({"role": "user", "content": "x"}, late), resident(THINKING))
    text = resident(THINKING).loaded.tokenizer.decode(prompt.ids)
    assert "<|im_start|>user\n<system-reminder>\nmind the gap\n</system-reminder><|im_end|>" in text


@pytest.mark.parametrize(
    ("template", "fields", "param", "words"),
    [
        (None, {}, "messages", "no chat template"),
        (PLAIN, {"tools": [TOOL]}, "tools", "no place for tools"),
        (PLAIN, {"enable_thinking": True}, "enable_thinking", "cannot think"),
        (PLAIN, {"reasoning_effort": "high"}, "enable_thinking", "cannot think"),
        (ALWAYS_THINKS, {"enable_thinking": False}, "enable_thinking", "cannot be switched off"),
        ("{{ raise_exception('not today') }}", {}, "messages", "not today"),
        ("{{ 'x' * 5000 }}", {}, "messages", "prompt is too long: 5000 tokens > 4095 maximum"),
    ],
)
def test_what_the_model_cannot_do_is_refused(
    template: str | None, fields: dict[str, Any], param: str, words: str
) -> None:
    with pytest.raises(RequestInvalid, match=words) as refused:
        build_chat_prompt(request(**fields), resident(template))
    assert refused.value.param == param


def test_calls_in_a_conversation_need_a_template_for_them() -> None:
    called = {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}
    with pytest.raises(RequestInvalid, match=r"messages: .*no place for tools"):
        build_chat_prompt(request({"role": "user", "content": "x"}, called), resident(PLAIN))


@pytest.mark.parametrize(
    ("template", "fields"),
    [
        (PLAIN, {"enable_thinking": False, "preserve_thinking": True}),
        (ALWAYS_THINKS, {"enable_thinking": True}),
        (TOOLS, {"tools": [], "reasoning_effort": "none"}),
    ],
)
def test_what_the_model_does_anyway_is_not(template: str, fields: dict[str, Any]) -> None:
    assert build_chat_prompt(request(**fields), resident(template)).ids
