"""How a request asks for an answer of a certain form: OpenAI's `response_format` and vLLM's `structured_outputs`.

Invariant: a form that is asked for is either enforced token by token or refused; none is a mere wish.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from inference.errors import RequestInvalid
from inference.grammars import ANY_OBJECT, Grammar

_ABSENT = Raw()

Choice = Annotated[str, Meta(min_length=1)]


class TextFormat(Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    """Any text."""


class JsonObjectFormat(Struct, tag_field="type", tag="json_object", forbid_unknown_fields=True):
    """Any JSON object."""


class NamedSchema(Struct, forbid_unknown_fields=True):
    """A JSON schema. name and description are for people; strict or not, it is enforced."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]
    schema: Raw
    description: str | None = None
    strict: bool | None = None


class JsonSchemaFormat(Struct, tag_field="type", tag="json_schema", forbid_unknown_fields=True):
    """JSON that a schema describes."""

    json_schema: NamedSchema


ResponseFormat = TextFormat | JsonObjectFormat | JsonSchemaFormat


class StructuredOutputs(Struct, forbid_unknown_fields=True):
    """Exactly one of these. json: a schema, or a schema as text; grammar: Lark, or llama.cpp's `::=` notation."""

    json: Raw = _ABSENT
    regex: str | None = None
    choice: Annotated[list[Choice], Meta(min_length=1)] | None = None
    grammar: str | None = None
    json_object: Literal[True] | None = None


def wanted_grammar(response_format: ResponseFormat | None, outputs: StructuredOutputs | None) -> Grammar | None:
    """Tell what the answer must match, None for any text. Raises RequestInvalid when that is not one thing."""
    formatted = None if response_format is None else _of_format(response_format)
    if outputs is None:
        return formatted
    if formatted is not None:
        raise RequestInvalid(
            "response_format and structured_outputs both say what the answer must be; leave one out",
            "structured_outputs",
        )
    return _of_outputs(outputs)


def _of_format(wanted: ResponseFormat) -> Grammar | None:
    if isinstance(wanted, TextFormat):
        return None
    if isinstance(wanted, JsonObjectFormat):
        return Grammar("json_schema", ANY_OBJECT, "response_format")
    return _schema(wanted.json_schema.schema, "response_format.json_schema.schema")


def _of_outputs(outputs: StructuredOutputs) -> Grammar:
    grammars = []
    if bytes(outputs.json) not in (b"", b"null"):
        grammars.append(_schema(outputs.json, "structured_outputs.json"))
    if outputs.regex is not None:
        grammars.append(Grammar("regex", outputs.regex, "structured_outputs.regex"))
    if outputs.choice is not None:
        grammars.append(Grammar("choice", msgspec.json.encode(outputs.choice).decode(), "structured_outputs.choice"))
    if outputs.grammar is not None:
        grammars.append(Grammar("grammar", outputs.grammar, "structured_outputs.grammar"))
    if outputs.json_object:
        grammars.append(Grammar("json_schema", ANY_OBJECT, "structured_outputs.json_object"))
    if len(grammars) != 1:
        words = "exactly one of json, regex, choice, grammar and json_object is possible"
        raise RequestInvalid(f"structured_outputs: {words}", "structured_outputs")
    return grammars[0]


def _schema(raw: Raw, param: str) -> Grammar:
    """Take a schema as it was written: the order of its properties is that of the answer."""
    text = bytes(raw).decode()
    if text.startswith('"'):
        text = msgspec.json.decode(text, type=str)
    if not text.lstrip().startswith("{"):
        raise RequestInvalid(f"{param}: expected a JSON schema, which is an object", param)
    return Grammar("json_schema", text, param)
