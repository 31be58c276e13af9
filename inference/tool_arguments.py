"""What a tool's parameter may be, by its JSON schema, and a written value as the JSON that it stands for. Pure.

Invariant: nothing that a model wrote is lost: what is not of the declared type stays the string that it is.
"""

import json
from collections.abc import Mapping
from typing import Any

_TEXT = frozenset({"string"})
# Chat templates write these three as Python does, and models that were trained on them do too.
_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null"}
_MAX_DEPTH = 16


class Parameters:
    """The declared parameters of one tool. schema: a JSON schema of the object that holds them; None: nothing said."""

    def __init__(self, schema: Mapping[str, Any] | None) -> None:
        self._root: Mapping[str, Any] = schema or {}
        properties = self._root.get("properties")
        self._properties: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}

    def is_text(self, name: str) -> bool:
        """Tell whether the parameter is a string and nothing else: so is one that is not declared."""
        return self._types(self._properties.get(name)) == _TEXT

    def to_json(self, name: str, written: str) -> str:
        """Give the JSON that `written` stands for: of a declared type if it can be, else a string."""
        types = self._types(self._properties.get(name))
        try:
            return to_json(_read(written, types))
        except (ValueError, RecursionError):
            return to_json(written)

    def _types(self, schema: object, depth: int = 0) -> frozenset[str]:
        """Collect the types that `schema` allows; only a string where it does not say."""
        if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
            return _TEXT
        if isinstance(reference := schema.get("$ref"), str):
            return self._types(self._resolve(reference), depth + 1)
        declared = schema.get("type")
        if isinstance(declared, str):
            return frozenset({declared})
        if isinstance(declared, list):
            return frozenset(each for each in declared if isinstance(each, str)) or _TEXT
        for key in ("anyOf", "oneOf", "allOf"):
            if isinstance(choices := schema.get(key), list) and choices:
                return frozenset().union(*(self._types(choice, depth + 1) for choice in choices))
        values = [*_list(schema.get("enum")), *([schema["const"]] if "const" in schema else [])]
        return frozenset().union(*map(_type_of, values)) or _TEXT

    def _resolve(self, reference: str) -> object:
        """Follow a reference within this schema, such as `#/$defs/Place`; None where it leads nowhere."""
        place: object = self._root
        for step in reference.removeprefix("#/").split("/"):
            place = place.get(step) if isinstance(place, Mapping) else None
        return place


def to_json(value: object) -> str:
    """Write `value` as JSON, letters of all languages as they are. Raises ValueError on what JSON has no number for."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _read(written: str, types: frozenset[str]) -> object:
    """Read `written` as a value of one of `types`. Raises ValueError when it is none."""
    if types == _TEXT:
        return written
    value = json.loads(_PYTHON_WORDS.get(written.strip(), written), strict=False)
    if isinstance(value, float) and "number" not in types and value.is_integer():
        value = int(value)
    if not _type_of(value) & types:
        raise ValueError("of another type")
    return value


def _type_of(value: object) -> frozenset[str]:
    """Name the types of JSON schema that `value`, as `json` reads it, is of."""
    if value is None:
        return frozenset({"null"})
    if isinstance(value, bool):
        return frozenset({"boolean"})
    if isinstance(value, int):
        return frozenset({"integer", "number"})
    if isinstance(value, float):
        return frozenset({"number"})
    if isinstance(value, str):
        return _TEXT
    return frozenset({"array" if isinstance(value, list) else "object"})


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
