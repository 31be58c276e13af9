"""Written values as the JSON that they stand for, by the schema of their parameter."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.tool_arguments import Parameters

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def parameters(schema: Any) -> Parameters:
    place = {"type": "object", "properties": {"x": {"type": "integer"}}}
    return Parameters(
        {"type": "object", "properties": {"p": schema}, "$defs": {"Place": place, "Loop": {"$ref": "#/$defs/Loop"}}}
    )


@pytest.mark.parametrize(
    ("schema", "written", "value"),
    [
        ({"type": "string"}, "5", "5"),
        ({"type": "string"}, "null", "null"),
        ({}, "5", "5"),
        ({"description": "what for"}, "[1]", "[1]"),
        ({"type": "integer"}, " 5 ", 5),
        ({"type": "integer"}, "5.0", 5),
        ({"type": "integer"}, "5.5", "5.5"),
        ({"type": "integer"}, str(10**30), 10**30),
        ({"type": "integer"}, "five", "five"),
        ({"type": "number"}, "5", 5),
        ({"type": "number"}, "5.5", 5.5),
        ({"type": "number"}, "NaN", "NaN"),
        ({"type": "number"}, "1e999", "1e999"),
        ({"type": "array"}, "[1e999]", "[1e999]"),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "False", False),
        ({"type": "boolean"}, "1", "1"),
        ({"type": "object"}, '{"a": [1, "é"]}', {"a": [1, "é"]}),
        ({"type": "object"}, '{"a": ', '{"a": '),
        ({"type": "array"}, "[\n1,\n2]", [1, 2]),
        ({"type": ["string", "null"]}, "None", None),
        ({"type": ["string", "null"]}, "none", "none"),
        ({"anyOf": [{"type": "string"}, {"type": "array"}]}, '["a"]', ["a"]),
        ({"anyOf": [{"type": "string"}, {"type": "array"}]}, "a", "a"),
        ({"enum": ["a", "b"]}, "a", "a"),
        ({"enum": [1, 2]}, "2", 2),
        ({"const": True}, "True", True),
        ({"$ref": "#/$defs/Place"}, '{"x": 1}', {"x": 1}),
        ({"$ref": "#/$defs/Nowhere"}, "{}", "{}"),
        ({"$ref": "#/$defs/Loop"}, "{}", "{}"),
        ({"type": []}, "5", "5"),
        ("nonsense", "5", "5"),
    ],
)
def test_values(schema: Any, written: str, value: object) -> None:
    read = json.loads(parameters(schema).to_json("p", written))
    assert read == value
    assert type(read) is type(value)


def test_what_is_not_declared_is_text() -> None:
    assert parameters({}).is_text("q")
    assert Parameters(None).is_text("q")
    assert Parameters({"properties": []}).is_text("q")
    assert parameters({"type": "string"}).is_text("p")
    assert not parameters({"type": ["string", "null"]}).is_text("p")


@given(schema=JSON, written=st.text() | JSON.map(json.dumps))
def test_no_schema_and_no_value_breaks_it_or_is_lost(schema: Any, written: str) -> None:
    declared = parameters(schema)
    value = json.loads(declared.to_json("p", written))
    assert value == written or not declared.is_text("p")
    root = Parameters(schema if isinstance(schema, dict) else None)
    assert isinstance(root.to_json("p", written), str)


@given(JSON.filter(lambda value: not isinstance(value, str)))
def test_json_of_a_declared_type_is_itself(value: Any) -> None:
    kinds = ["null", "boolean", "integer", "number", "array", "object"]
    assert json.loads(parameters({"type": kinds}).to_json("p", json.dumps(value))) == value
