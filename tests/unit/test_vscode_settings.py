"""The settings that the extension for VS Code offers are those of the server: keys, defaults and choices, both ways."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from lsp_server import settings
from lsp_server.settings import Settings, parse

_MANIFEST = Path(__file__).parents[2] / "editors" / "vscode" / "package.json"
_PROPERTIES: dict[str, dict[str, Any]] = json.loads(_MANIFEST.read_text())["contributes"]["configuration"]["properties"]
OFFERED = {key.removeprefix("hearthline."): schema for key, schema in _PROPERTIES.items()}
KNOWN = settings._RULES
OF_THE_EXTENSION = {"server.command"}


def default_of(key: str) -> object:
    """Return the server's default as the client would send it."""
    rule = KNOWN[key]
    holder = getattr(Settings(), rule.group) if rule.group else Settings()
    value = getattr(holder, rule.field)
    return {} if key == "review.rules" else list(value) if isinstance(value, tuple) else value


def test_what_the_server_knows_is_offered_and_nothing_else() -> None:
    assert set(OFFERED) - OF_THE_EXTENSION == set(KNOWN)


@pytest.mark.parametrize("key", sorted(set(OFFERED) - OF_THE_EXTENSION))
def test_the_default_is_the_servers(key: str) -> None:
    assert OFFERED[key]["default"] == default_of(key)


@pytest.mark.parametrize("key", sorted(set(OFFERED) - OF_THE_EXTENSION))
def test_what_the_schema_allows_the_server_takes(key: str) -> None:
    schema = OFFERED[key]
    allowed = [*schema.get("enum", ()), schema["default"]]
    allowed += [schema[bound] for bound in ("minimum", "maximum") if bound in schema]
    assert [problem for value in allowed for problem in parse({key: value})[1]] == []


@pytest.mark.parametrize("key", sorted(set(OFFERED) - OF_THE_EXTENSION))
def test_what_the_schema_forbids_the_server_refuses(key: str) -> None:
    schema = OFFERED[key]
    forbidden: list[object] = [{"no": "such value"}]
    forbidden += [schema["minimum"] - 1] if "minimum" in schema else []
    forbidden += [schema["exclusiveMinimum"]] if "exclusiveMinimum" in schema else []
    forbidden += [schema["maximum"] + 1] if "maximum" in schema else []
    assert all(parse({key: value})[1] for value in forbidden)


@pytest.mark.parametrize("key", sorted(set(OFFERED) - OF_THE_EXTENSION))
def test_the_choices_are_the_servers(key: str) -> None:
    default = default_of(key)
    choices = [choice.value for choice in type(default)] if isinstance(default, StrEnum) else None
    assert OFFERED[key].get("enum") == choices


def test_what_a_folder_may_not_choose_unasked_is_said_in_the_manifest() -> None:
    restricted = json.loads(_MANIFEST.read_text())["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
    keys = ["server.command", "engine.url", "engine.tokenEnv", "workspace.trusted"]
    assert restricted == [f"hearthline.{key}" for key in keys]
