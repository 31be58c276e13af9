"""Conversations, tools and switches of chat requests: what templates are given of them, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import RequestInvalid
from inference.openai_api import ChatRequest, parse_request
from inference.openai_messages import arrange

USER = {"role": "user", "content": "x"}
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}
TOOL = {"type": "function", "function": FUNCTION}


def request(**fields: Any) -> ChatRequest:
    return parse_request(json.dumps({"messages": [USER]} | fields).encode(), ChatRequest)


def arranged(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    return arrange(request(messages=messages).messages)


def call(arguments: str, **more: Any) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}} | more


def test_a_conversation_with_calls_and_thinking() -> None:
    said = arranged(
        USER,
        {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [call('{"a": 1}', index=0)]},
        {"role": "tool", "tool_call_id": "c1", "name": "f", "content": [{"type": "text", "text": "2"}]},
        {"role": "assistant", "content": "3", "reasoning": "so", "tool_calls": None, "refusal": None},
    )
    assert said == [
        USER,
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "hm",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "2", "name": "f", "tool_call_id": "c1"},
        {"role": "assistant", "content": "3", "reasoning_content": "so"},
    ]


def test_system_messages_in_front_become_one_and_later_ones_reminders_in_their_place() -> None:
    said = arranged(
        {"role": "system", "content": "a"},
        {"role": "developer", "content": "b"},
        USER,
        {"role": "system", "content": "c"},
        {"role": "assistant", "content": "y"},
        {"role": "developer", "content": "d"},
    )
    assert [(message["role"], message["content"]) for message in said] == [
        ("system", "a\n\nb"),
        ("user", "x"),
        ("user", "<system-reminder>\nc\n</system-reminder>"),
        ("assistant", "y"),
        ("user", "<system-reminder>\nd\n</system-reminder>"),
    ]


@pytest.mark.parametrize("arguments", ["{", "[]", "null", '"x"', "[" * 100_000])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    with pytest.raises(RequestInvalid, match=r"messages\[1\].tool_calls\[0\].function.arguments is not") as refused:
        arranged(USER, {"role": "assistant", "tool_calls": [call(arguments)]})
    assert refused.value.param == "messages[1].tool_calls[0].function.arguments"


def test_no_arguments_are_an_empty_object() -> None:
    (message,) = arranged({"role": "assistant", "tool_calls": [call("")]})
    assert message["tool_calls"][0]["function"]["arguments"] == {}


def test_tools_are_given_as_they_came_but_for_what_is_not_enforced() -> None:
    wanted = request(tools=[TOOL, {"type": "function", "function": FUNCTION | {"strict": False}}], tool_choice="auto")
    assert [tool.as_dict() for tool in wanted.offered_tools()] == [TOOL, TOOL]
    assert wanted.max_calls() is None
    bare = request(tools=[{"type": "function", "function": {"name": "f"}}], parallel_tool_calls=False)
    assert bare.offered_tools()[0].as_dict() == {"type": "function", "function": {"name": "f"}}
    assert bare.max_calls() == 1
    assert request(tools=[TOOL], tool_choice="none").offered_tools() == []
    assert request().offered_tools() == []


@pytest.mark.parametrize(
    ("fields", "switches"),
    [
        ({}, {}),
        ({"chat_template_kwargs": {}}, {}),
        ({"chat_template_kwargs": {"enable_thinking": False}}, {"enable_thinking": False}),
        ({"enable_thinking": True, "preserve_thinking": True}, {"enable_thinking": True, "preserve_thinking": True}),
        ({"reasoning_effort": "none"}, {"enable_thinking": False}),
        ({"reasoning_effort": "low"}, {"enable_thinking": True}),
        ({"reasoning_effort": "high", "chat_template_kwargs": {"enable_thinking": True}}, {"enable_thinking": True}),
    ],
)
def test_switches(fields: dict[str, Any], switches: dict[str, bool]) -> None:
    assert request(**fields).switches() == switches


def understand(wanted: ChatRequest) -> None:
    wanted.offered_tools()
    wanted.switches()


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"tools": [{"type": "custom", "function": FUNCTION}]}, "tools[0].type", "only function is possible"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name", "regex"),
        (
            {"tools": [{"type": "function", "function": FUNCTION | {"strict": True}}]},
            "tools[0].function.strict",
            "false",
        ),
        ({"tool_choice": "required"}, "tool_choice", "cannot force a call"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice", "cannot force a call"),
        ({"tool_choice": "any"}, "tool_choice", "only auto or none is possible"),
        ({"chat_template_kwargs": {"thinking": 1}}, "chat_template_kwargs.thinking", "is not known"),
        ({"reasoning_effort": "huge"}, "reasoning_effort", "only none, minimal, low"),
        ({"reasoning_effort": "none", "enable_thinking": True}, "enable_thinking", "both on and off"),
        ({"messages": [{"role": "critic", "content": ""}]}, "messages[0].role", "only system, developer, user"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "expected `str | array`"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages[0].content[0].type",
            "only text is possible",
        ),
        ({"messages": [USER | {"tool_calls": []}]}, "messages[0].tool_calls", "is not known"),
    ],
)
def test_what_is_refused_is_named(fields: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(RequestInvalid, match=words) as refused:
        understand(request(**fields))
    assert refused.value.param == param


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3) | st.sampled_from(["user", "tool", "assistant", "{}", "function"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "tool_calls", "id", "function", "name", "arguments"]), inner
        )
    ),
    max_leaves=12,
)


@given(messages=st.lists(JSON, min_size=1, max_size=3), tools=JSON)
def test_nothing_else_than_a_refusal_comes_of_nonsense(messages: list[Any], tools: Any) -> None:
    try:
        wanted = request(messages=messages, tools=tools)
        said = arrange(wanted.messages)
        wanted.offered_tools()
    except RequestInvalid:
        return
    assert all(isinstance(message["content"], str) for message in said)
