"""What a request may ask its answer to look like, and in which words the rest is refused."""

import json
from typing import Any

import pytest

from inference.errors import RequestInvalid
from inference.grammars import ANY_OBJECT, MAX_GRAMMAR_BYTES, Grammar
from inference.openai_api import ChatRequest, CompletionRequest, parse_request

SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "string"}}}


def grammar_of(**fields: Any) -> Grammar | None:
    body = json.dumps({"prompt": "P"} | fields).encode()
    return parse_request(body, CompletionRequest).grammar()


def checked_grammar_of(**fields: Any) -> None:
    grammar = grammar_of(**fields)
    assert grammar is not None
    grammar.check()


def schema_format(**fields: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA} | fields}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"response_format": None, "structured_outputs": None}, None),
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, Grammar("json_schema", ANY_OBJECT, "response_format")),
        (
            {"response_format": schema_format(strict=True, description="what it is")},
            Grammar("json_schema", json.dumps(SCHEMA), "response_format.json_schema.schema"),
        ),
        (
            {"structured_outputs": {"json": SCHEMA}},
            Grammar("json_schema", json.dumps(SCHEMA), "structured_outputs.json"),
        ),
        (
            {"structured_outputs": {"json": json.dumps(SCHEMA)}},
            Grammar("json_schema", json.dumps(SCHEMA), "structured_outputs.json"),
        ),
        ({"structured_outputs": {"regex": "a+"}}, Grammar("regex", "a+", "structured_outputs.regex")),
        ({"structured_outputs": {"choice": ["a", "ä"]}}, Grammar("choice", '["a","ä"]', "structured_outputs.choice")),
        ({"structured_outputs": {"grammar": "start: A"}}, Grammar("grammar", "start: A", "structured_outputs.grammar")),
        (
            {"structured_outputs": {"json_object": True, "regex": None, "json": None}},
            Grammar("json_schema", ANY_OBJECT, "structured_outputs.json_object"),
        ),
        (
            {"structured_outputs": {"regex": "a"}, "response_format": {"type": "text"}},
            Grammar("regex", "a", "structured_outputs.regex"),
        ),
    ],
)
def test_a_form_that_is_asked_for(fields: dict[str, Any], expected: Grammar | None) -> None:
    assert grammar_of(**fields) == expected


def test_chat_takes_the_same_fields() -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "response_format": schema_format()}
    grammar = parse_request(json.dumps(body).encode(), ChatRequest).grammar()
    assert grammar is not None
    assert grammar.kind == "json_schema"


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"response_format": {}}, "response_format.type", "The field response_format.type is missing"),
        ({"response_format": "json"}, "response_format", "response_format: expected `object | null`, got `str`"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "only text, json_object or json_schema is poss"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "json_schema is missing"),
        (
            {"response_format": {"type": "json_object", "x": 1}},
            "response_format.x",
            "x is not known in response_format",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
            "response_format.json_schema.name",
            "name is missing",
        ),
        (
            {"response_format": schema_format(schema=[1])},
            "response_format.json_schema.schema",
            "expected a JSON schema, which is an object",
        ),
        (
            {"response_format": schema_format(extra=1)},
            "response_format.json_schema.extra",
            "extra is not known in response_format.json_schema",
        ),
        ({"structured_outputs": {}}, "structured_outputs", "exactly one of json, regex, choice, grammar and json_obj"),
        ({"structured_outputs": {"regex": "a", "json": {}}}, "structured_outputs", "exactly one of"),
        ({"structured_outputs": {"choices": ["a"]}}, "structured_outputs.choices", "choices is not known in struct"),
        ({"structured_outputs": {"choice": []}}, "structured_outputs.choice", "length >= 1"),
        ({"structured_outputs": {"choice": ["a", ""]}}, "structured_outputs.choice[1]", "length >= 1"),
        ({"structured_outputs": {"json": "{"}}, "structured_outputs.json", "not JSON"),
        (
            {"structured_outputs": {"regex": "a"}, "response_format": {"type": "json_object"}},
            "structured_outputs",
            "leave one out",
        ),
        ({"guided_choice": ["a"]}, "guided_choice", "The field guided_choice is not known"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        checked_grammar_of(**fields)
    assert refused.value.param == param
    assert words in str(refused.value)


PATTERNS = [{"type": "string", "pattern": f"x{i}"} for i in range(30)]


@pytest.mark.parametrize(
    ("grammar", "words"),
    [
        (Grammar("regex", "a" * (MAX_GRAMMAR_BYTES + 1), "p"), f"larger than {MAX_GRAMMAR_BYTES} bytes"),
        (Grammar("json_schema", json.dumps({"allOf": PATTERNS}), "p"), "30 patterns"),
        (
            Grammar("json_schema", json.dumps({"$defs": {"a": {"$ref": "b", "pattern": "a"}}, "items": PATTERNS}), "p"),
            "31 patterns",
        ),
        (
            Grammar(
                "json_schema", json.dumps({"items": {"patternProperties": {f"^{i:03}$": {} for i in range(99)}}}), "p"
            ),
            "at most 64 patternProperties",
        ),
        (Grammar("grammar", "start: A\nA: " + " & ".join(f"/.*x{i}.*/" for i in range(30)), "p"), "29 patterns"),
        (Grammar("grammar", 'start: %json {"allOf": ' + json.dumps(PATTERNS) + "}", "p"), "30 patterns"),
        (Grammar("grammar", 'start: "%json {" %json' + json.dumps({"items": {"allOf": PATTERNS}}), "p"), "30 patterns"),
    ],
)
def test_what_could_take_long_is_refused_unseen(grammar: Grammar, words: str) -> None:
    with pytest.raises(RequestInvalid, match=words):
        grammar.check()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {f"k{i}": pattern for i, pattern in enumerate(PATTERNS)}},
        {"allOf": PATTERNS[:10]},
        {"anyOf": PATTERNS},
        {"pattern": 5, "format": [], "patternProperties": None, "allOf": {}},
        {"type": "object", "properties": {"pattern": {"type": "string"}, "format": {"type": "string"}}},
    ],
)
def test_patterns_that_never_meet_may_be_many(schema: dict[str, Any]) -> None:
    Grammar("json_schema", json.dumps(schema), "p").check()
