"""Chat templates with tools and thinking: nothing forged, all of it back, and what a turn shares with the last one."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import ModelUnsupported
from inference.models.chat_template import ChatTemplate
from inference.models.tokenizer import ChatTokens, Tokenizer
from inference.tool_calls import CallArguments, CallBegun, make_call_reader
from tests.chat_templates import MARKS, THINKING, TOOLS
from tests.tiny_model import CONTROL_TOKENS, byte_tokenizer
from tests.unit.test_tool_calls import JSON, NAMES, TEXTS, VALUES, ends_early

NAMES_OF_CONTROLS = [*CONTROL_TOKENS, *MARKS]
TOKENIZERS = {
    name: Tokenizer(byte_tokenizer(NAMES_OF_CONTROLS), ChatTemplate(source, NAMES_OF_CONTROLS, {}))
    for name, source in {"elements": THINKING, "json": TOOLS}.items()
}
THINKER = TOKENIZERS["elements"]
Message = dict[str, Any]


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str, thought: str = "", *calls: tuple[str, dict[str, Any]]) -> Message:
    functions = [{"name": name, "arguments": arguments} for name, arguments in calls]
    tool_calls = [{"id": f"c{i}", "type": "function", "function": each} for i, each in enumerate(functions)]
    return {"role": "assistant", "content": content, "reasoning_content": thought, "tool_calls": tool_calls}


def tool(name: str, schema: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}


def text_of(tokenizer: Tokenizer, prompt: ChatTokens) -> str:
    return tokenizer.decode(prompt.ids)


def controls(tokenizer: Tokenizer, prompt: ChatTokens) -> list[str]:
    ids = {tokenizer.special(name): name for name in NAMES_OF_CONTROLS}
    return [ids[token] for token in prompt.ids if token in ids]


PIECES = [*NAMES_OF_CONTROLS, "<|", "im_end|>", "<", "think>", "\n", " ", '"', "\\", "a", "é"]
CONTENTS = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
SCHEMAS = st.dictionaries(CONTENTS, CONTENTS | st.lists(CONTENTS | st.none(), max_size=2), max_size=2)


@pytest.mark.parametrize("form", TOKENIZERS)
@given(content=CONTENTS, arguments=SCHEMAS, schema=SCHEMAS)
def test_nothing_said_becomes_a_control_token(
    form: str, content: str, arguments: dict[str, Any], schema: dict[str, Any]
) -> None:
    def conversation(text: str, called: dict[str, Any], declared: dict[str, Any]) -> ChatTokens:
        messages = [
            user(text),
            assistant(text, text, (text, called)),
            {"role": "tool", "content": text, "tool_call_id": text},
            user(text),
        ]
        return TOKENIZERS[form].render_chat(messages, [tool(text, declared)], {"preserve_thinking": True})

    assert controls(TOKENIZERS[form], conversation(content, arguments, schema)) == controls(
        TOKENIZERS[form], conversation("x", dict.fromkeys(map(str, range(len(arguments))), "x"), {})
    )


def parse(form: Any, text: str, schema: dict[str, Any]) -> list[tuple[str, Any]]:
    reader = make_call_reader(form, {"f": schema})
    events = reader.push(text) + reader.finish()
    arguments = "".join(event.text for event in events if isinstance(event, CallArguments))
    return [(event.name, json.loads(arguments)) for event in events if isinstance(event, CallBegun)]


def rendered_call(form: str, arguments: dict[str, Any]) -> str:
    """Render one call as the answer to `x`; give what stands in the answer's place."""
    prompt = TOKENIZERS[form].render_chat([user("x"), assistant("", "", ("f", arguments)), user("y")])
    text = text_of(TOKENIZERS[form], prompt)
    return text.partition("<|im_start|>assistant\n")[2].rpartition("<|im_end|>\n<|im_start|>user\n")[0]


@given(st.dictionaries(VALUES, JSON, max_size=4))
def test_calls_come_back_from_a_template_of_objects(arguments: dict[str, Any]) -> None:
    assert parse("json", rendered_call("json", arguments), {}) == [("f", arguments)]


TYPES: dict[str, st.SearchStrategy[Any]] = {
    "string": VALUES.filter(lambda value: not ends_early(value)),
    "integer": st.integers(),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "null": st.none(),
    "array": st.lists(JSON, max_size=3),
    "object": st.dictionaries(TEXTS.map("".join), JSON, max_size=3),
}


@given(st.data())
def test_calls_come_back_from_a_template_of_elements(data: st.DataObject) -> None:
    types = data.draw(st.dictionaries(NAMES, st.sampled_from([*TYPES]), max_size=4))
    arguments = {name: data.draw(TYPES[kind]) for name, kind in types.items()}
    if any(ends_early(json.dumps(value, ensure_ascii=False)) for value in arguments.values()):
        return
    schema = {"type": "object", "properties": {name: {"type": kind} for name, kind in types.items()}}
    assert parse("elements", rendered_call("elements", arguments), schema) == [("f", arguments)]


def answered(prompt: ChatTokens, answer: str) -> list[int]:
    """Give the ids of `prompt` and of the `answer` that a model wrote behind it, its marks as the tokens they are."""
    ids = [*prompt.ids]
    for index, piece in enumerate(ChatTemplate("", NAMES_OF_CONTROLS, {})._split.split(answer)):
        token = THINKER.special(piece) if index % 2 else None
        ids.extend(THINKER.encode(piece) if token is None else [token])
    return ids


CALL = "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("hm\n</think>\n\nyes<|im_end|>", assistant("yes", "hm")),
        (f"hm\n</think>\n\n{CALL}<|im_end|>", assistant("", "hm", ("f", {"a": 1}))),
        (f"hm\n</think>\n\nlook\n\n{CALL}\n{CALL}<|im_end|>", assistant("look", "hm", *[("f", {"a": 1})] * 2)),
    ],
)
@pytest.mark.parametrize("following", [user("go on"), {"role": "tool", "content": "2", "tool_call_id": "c0"}])
def test_the_next_turn_begins_with_the_last_one_and_its_answer(
    answer: str, message: Message, following: Message
) -> None:
    tools, switches = [tool("f", {})], {"preserve_thinking": True}
    before = [{"role": "system", "content": "be brief"}, user("one"), assistant("1", "thought"), user("two <think>")]
    prompt = THINKER.render_chat(before, tools, switches)
    assert prompt.is_thinking
    longer = THINKER.render_chat([*before, message, following], tools, switches)
    expected = answered(prompt, answer)
    assert longer.ids[: len(expected)] == expected


def test_without_thinking_the_answer_begins_behind_an_empty_block() -> None:
    prompt = THINKER.render_chat([user("x")], (), {"enable_thinking": False})
    assert text_of(THINKER, prompt).endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert not prompt.is_thinking
    longer = THINKER.render_chat([user("x"), assistant("yes"), user("y")], (), {"preserve_thinking": True})
    assert longer.ids[: len(prompt.ids) + 4] == answered(prompt, "yes<|im_end|>")


def test_cuts_stand_where_turns_begin_that_change() -> None:
    first = [{"role": "system", "content": "be brief"}, user(" one\n")]
    longer = [*first, assistant("1", "thought"), user("two")]
    tools = [tool("f", {"<|im_end|>": "<think>"})]

    def parts(messages: list[Message]) -> list[str]:
        prompt = THINKER.render_chat(messages, tools)
        places = [0, *prompt.cuts, len(prompt.ids)]
        return [THINKER.decode(prompt.ids[a:b]) for a, b in pairwise(places)]

    one, two = parts(first), parts(longer)
    assert one[1:] == ["user\none<|im_end|>", "\n<|im_start|>assistant\n<think>\n"]
    assert one[0] == two[0]
    assert one[0].endswith("be brief<|im_end|>\n<|im_start|>")
    assert two[1].startswith("user\none<|im_end|>\n<|im_start|>assistant\n1<|im_end|>")
    assert two[2] == "user\ntwo<|im_end|>"


def test_a_conversation_that_drops_its_thinking_shares_all_up_to_the_last_answer() -> None:
    asked = [user("one"), assistant("1", "old thoughts"), user("two")]
    prompt = THINKER.render_chat(asked)
    longer = THINKER.render_chat([*asked, assistant("2", "new thoughts"), user("three")])
    shared = next(i for i, (a, b) in enumerate(zip(prompt.ids, longer.ids, strict=False)) if a != b)
    assert max(cut for cut in prompt.cuts if cut <= shared) >= shared - len("\n<assistant\n")


@pytest.mark.parametrize(
    ("source", "form"),
    [(THINKING, "elements"), (TOOLS, "json"), ("{{ messages[0].content }}", None), ("<tool_call>", None)],
)
def test_the_form_of_calls_is_the_one_that_the_template_writes(source: str, form: str | None) -> None:
    template = ChatTemplate(source, NAMES_OF_CONTROLS, {})
    assert template.call_form == form
    assert template.can_think == (source == THINKING)


def test_tools_are_written_as_models_have_seen_them() -> None:
    schema = {"z": "<é>", "a": ["'", 1, True, None]}
    text = text_of(THINKER, THINKER.render_chat([user("x")], [tool("f", schema)]))
    assert json.dumps(tool("f", schema), ensure_ascii=False) in text


def test_a_template_that_trims_completes_no_name() -> None:
    template = ChatTemplate("<|im_{{ messages[1].content | trim }}end|>", NAMES_OF_CONTROLS, {})
    for content in (" start|>", "start|> <|im_ ", "x <|im_\n"):
        rendered = template.render([user("x"), assistant(content), user("y")])
        assert not any(is_control for _, is_control in rendered.pieces)
        assert "".join(text for text, _ in rendered.pieces) == f"<|im_{content.strip()}end|>"


def deep(depth: int) -> dict[str, Any]:
    return {"a": deep(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    "render",
    [
        lambda: THINKER.render_chat([user("x")], [tool("f", deep(900))]),
        lambda: THINKER.render_chat([user("x"), {"role": "tool"}]),
        lambda: THINKER.render_chat([user("x"), {"role": "system", "content": "late"}]),
    ],
)
def test_what_a_template_cannot_take_is_refused(render: Callable[[], ChatTokens]) -> None:
    with pytest.raises(ModelUnsupported, match="refuses the messages"):
        render()
