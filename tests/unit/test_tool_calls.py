"""Tool calls in both forms, however the text is cut, and calls that are none."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.answer_reader import AnswerEvent, AnswerReader, Thought
from inference.tool_calls import CallArguments, CallBegun, CallForm, Content, make_call_reader

TOOLS: dict[str, dict[str, Any] | None] = {
    "write": {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "n": {"type": "integer"},
            "lines": {"type": "array", "items": {"type": "string"}},
            "force": {"type": "boolean"},
        },
    },
    "now": None,
}
Said = tuple[str, str, list[tuple[str, Any]]]


def reader(form: CallForm, **more: Any) -> AnswerReader:
    return AnswerReader(calls=make_call_reader(form, TOOLS), **more)


def events_of(answer: AnswerReader, pieces: list[str]) -> list[AnswerEvent]:
    """Push `pieces`; return what came, neighbours of one kind joined."""
    joined: list[AnswerEvent] = []
    for event in [event for piece in pieces for event in answer.push(piece)] + answer.finish():
        last = joined[-1] if joined else None
        if isinstance(event, Content | Thought) and type(last) is type(event):
            joined[-1] = type(event)(last.text + event.text)
        elif isinstance(event, CallArguments) and isinstance(last, CallArguments) and last.index == event.index:
            joined[-1] = CallArguments(event.index, last.text + event.text)
        else:
            joined.append(event)
    return joined


def said(answer: AnswerReader, text: str) -> Said:
    """Give the thinking, the content and the calls with their arguments, decoded."""
    events = events_of(answer, [text])
    names = [event.name for event in events if isinstance(event, CallBegun)]
    arguments = ["" for _ in names]
    for event in events:
        if isinstance(event, CallArguments):
            arguments[event.index] += event.text
    thought = "".join(event.text for event in events if isinstance(event, Thought))
    content = "".join(event.text for event in events if isinstance(event, Content))
    return thought, content, [(name, json.loads(text)) for name, text in zip(names, arguments, strict=True)]


def element(name: str, *parameters: tuple[str, str]) -> str:
    inner = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in parameters)
    return f"<tool_call>\n<function={name}>\n{inner}</function>\n</tool_call>"


def object_(name: str, arguments: object) -> str:
    return f'<tool_call>\n{{"name": {json.dumps(name)}, "arguments": {json.dumps(arguments)}}}\n</tool_call>'


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        (element("now"), "", [("now", {})]),
        ("Look:\n\n" + element("now") + "\n", "Look:", [("now", {})]),
        (
            element("write", ("path", "a.py"), ("n", "3"), ("lines", '["x", "y"]'), ("force", "True")),
            "",
            [("write", {"path": "a.py", "n": 3, "lines": ["x", "y"], "force": True})],
        ),
        (element("write", ("path", "5"), ("n", "many")), "", [("write", {"path": "5", "n": "many"})]),
        (element("write", ("path", "\n a\n\n")), "", [("write", {"path": "\n a\n\n"})]),
        (element("write", ("path", 'x = "</parameter>" + y')), "", [("write", {"path": 'x = "</parameter>" + y'})]),
        (
            element("write", ("path", "</tool_call>\n</function>")),
            "",
            [("write", {"path": "</tool_call>\n</function>"})],
        ),
        (element("unheard_of", ("a", "1")), "", [("unheard_of", {"a": "1"})]),
        (element("now") + "\n" + element("write", ("n", "1")), "", [("now", {}), ("write", {"n": 1})]),
        ("<tool_call><function=write><parameter=n>7</parameter></function></tool_call>", "", [("write", {"n": 7})]),
        ("<tool_call><function=now></function><function=now></function>", "", [("now", {}), ("now", {})]),
        (element("now") + " and so", " and so", [("now", {})]),
        ("<tool_call>\n<function=now>\n</function>", "", [("now", {})]),
        # What is no call comes out as it was written.
        ("no call", "no call", []),
        ("a <tool_call> b", "a <tool_call> b", []),
        ("<tool_call>\n<function=now>\nnow!", "<tool_call>\n<function=now>\nnow!", []),
        ("<tool_call>\n<function=>\n</function>", "<tool_call>\n<function=>\n</function>", []),
        ('<tool_call>{"name": "now"}</tool_call>', '<tool_call>{"name": "now"}</tool_call>', []),
        ("<tool_call> <tool_call>\n<function=now></function>", "<tool_call>", [("now", {})]),
        ("<tool_call", "<tool_call", []),
        ("a \n", "a \n", []),
    ],
)
def test_elements(text: str, content: str, calls: list[tuple[str, Any]]) -> None:
    assert said(reader("elements"), text) == ("", content, calls)
    assert events_of(reader("elements"), list(text)) == events_of(reader("elements"), [text])


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        (object_("now", {}), "", [("now", {})]),
        ("Look:\n" + object_("write", {"n": 3, "path": "é"}), "Look:", [("write", {"n": 3, "path": "é"})]),
        ('<tool_call>{"arguments": {"n": 1}, "name": "write"}</tool_call>', "", [("write", {"n": 1})]),
        ('<tool_call>{"name": "now"}</tool_call>', "", [("now", {})]),
        ('<tool_call>{"name": "write", "arguments": "{\\"n\\": 1}"}</tool_call>', "", [("write", {"n": 1})]),
        (object_("write", {"path": "</tool_call>\n"}), "", [("write", {"path": "</tool_call>\n"})]),
        (object_("now", {}) + object_("now", {"a": 1}), "", [("now", {}), ("now", {"a": 1})]),
        ('<tool_call>\n{"name": "now"}', "", [("now", {})]),  # the end of the answer is the end of the call
        ('<tool_call>{"name": "write", "arguments": {"path": "a\nb"}}</tool_call>', "", [("write", {"path": "a\nb"})]),
        # What is no call comes out as it was written.
        ("<tool_call>nonsense</tool_call>", "<tool_call>nonsense</tool_call>", []),
        ('<tool_call>{"name": 1}</tool_call>', '<tool_call>{"name": 1}</tool_call>', []),
        ('<tool_call>{"name": "now", "argum', '<tool_call>{"name": "now", "argum', []),
        (
            '<tool_call>{"name": "n", "arguments": [1]}</tool_call>',
            '<tool_call>{"name": "n", "arguments": [1]}</tool_call>',
            [],
        ),
        ("<tool_call>[]</tool_call>\n" + object_("now", {}), "<tool_call>[]</tool_call>", [("now", {})]),
        ("<tool_call>" + "[" * 100_000 + "</tool_call>", "<tool_call>" + "[" * 100_000 + "</tool_call>", []),
    ],
)
def test_objects(text: str, content: str, calls: list[tuple[str, Any]]) -> None:
    assert said(reader("json"), text) == ("", content, calls)
    if len(text) < 1000:
        assert events_of(reader("json"), list(text)) == events_of(reader("json"), [text])


def test_arguments_that_are_text_come_as_they_are_written() -> None:
    answer = reader("elements")
    events = answer.push('<tool_call>\n<function=write>\n<parameter=path>\nsome "quoted')
    assert events == [
        CallBegun(0, "write"),
        CallArguments(0, "{"),
        CallArguments(0, '"path": '),
        CallArguments(0, '"'),
        CallArguments(0, 'some \\"quoted'),
    ]
    assert not answer.has_called
    assert answer.push("\n") == []
    assert answer.push("text") == [CallArguments(0, "\\ntext")]


def test_a_call_that_is_cut_short_stays_open() -> None:
    answer = reader("elements")
    answer.push("<tool_call>\n<function=write>\n<parameter=path>\na\n</parameter>\n")
    answer.finish()
    assert not answer.has_called


def test_a_call_ends_the_thinking_also_where_the_model_forgets_to() -> None:
    for form, call in (("elements", element("now")), ("json", object_("now", {}))):
        answer = reader(form, is_thinking=True)  # type: ignore[arg-type]
        assert said(answer, f"I could use <tool_call> or\n{call}") == ("I could use <tool_call> or", "", [("now", {})])
    text = "I could <tool_call> it\n</think>\n\nDone" + element("now")
    assert said(reader("elements", is_thinking=True), text) == ("I could <tool_call> it", "Done", [("now", {})])
    assert said(AnswerReader(is_thinking=True), element("now")) == (element("now"), "", [])


def test_of_calls_beyond_the_limit_nothing_comes() -> None:
    text = element("now") + "\n" + element("write", ("n", "1")) + "more"
    answer = reader("elements", max_calls=1)
    assert said(answer, text) == ("", "", [("now", {})])
    answer = reader("elements", max_calls=1)
    answer.push(element("now")[:-1])
    assert answer.is_complete
    assert answer.has_called


def test_without_tools_a_call_is_text() -> None:
    assert said(AnswerReader(), element("now")) == ("", element("now"), [])


MARKS = ["<tool_call>", "</tool_call>", "<function=now>", "<function=", "</function>", "<parameter=n>", "</parameter>"]
TEXTS = st.lists(
    st.sampled_from([*MARKS, "<think>", "</think>", '{"name": "now"}', "{", "\n", " ", "1", "<", '"', "é"])
)


@given(
    text=TEXTS.map("".join),
    cuts=st.lists(st.integers(0, 200), max_size=30),
    form=st.sampled_from(["json", "elements"]),
    is_thinking=st.booleans(),
)
def test_how_the_text_is_cut_changes_nothing(text: str, cuts: list[int], form: CallForm, is_thinking: bool) -> None:
    places = sorted({0, *[min(cut, len(text)) for cut in cuts], len(text)})
    pieces = [text[a:b] for a, b in pairwise(places)]
    whole = events_of(reader(form, is_thinking=is_thinking), [text])
    assert events_of(reader(form, is_thinking=is_thinking), pieces) == whole


@given(text=TEXTS.map("".join), form=st.sampled_from(["json", "elements"]))
def test_an_answer_without_a_call_is_its_content(text: str, form: CallForm) -> None:
    calls = make_call_reader(form, TOOLS)
    events = calls.push(text) + calls.finish()
    if calls.n_calls == 0:
        assert "".join(event.text for event in events if isinstance(event, Content)) == text


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="<>"), min_size=1)
VALUES = st.text(st.characters(exclude_categories=["Cs"])) | TEXTS.map("".join)


def ends_early(value: str) -> bool:
    """Tell whether the form cannot hold `value`: its own end stands in it."""
    rest = value.partition("</parameter>")[2].lstrip()
    return bool(rest) and (rest.startswith(("<parameter=", "</function>")) or ends_early(rest))


@given(st.dictionaries(NAMES, VALUES.filter(lambda value: not ends_early(value)), max_size=4))
def test_texts_come_back_from_elements(arguments: dict[str, str]) -> None:
    text = element("now", *arguments.items())
    assert said(reader("elements"), text) == ("", "", [("now", arguments)])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(VALUES, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(VALUES, JSON, max_size=4))
def test_everything_comes_back_from_objects(arguments: dict[str, Any]) -> None:
    assert said(reader("json"), object_("now", arguments)) == ("", "", [("now", arguments)])
