"""SARIF: the parts of the standard that are written, checked strictly."""

from typing import Any

import jsonschema
import pytest

from lsp_server.review.finding import Confidence, Finding, Place, Step
from lsp_server.review.rulebook import load
from lsp_server.review.sarif import to_sarif

_REGION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["startLine"],
    "properties": {
        key: {"type": "integer", "minimum": 1} for key in ("startLine", "startColumn", "endLine", "endColumn")
    },
}
_MESSAGE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}},
}
_PHYSICAL = {
    "type": "object",
    "additionalProperties": False,
    "required": ["artifactLocation"],
    "properties": {
        "artifactLocation": {
            "type": "object",
            "additionalProperties": False,
            "required": ["uri"],
            "properties": {"uri": {"type": "string", "pattern": r"^[\w./~%-]+$"}},
        },
        "region": _REGION,
    },
}
_LOCATION = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"physicalLocation": _PHYSICAL, "message": _MESSAGE},
}
_FLOW = {
    "type": "object",
    "additionalProperties": False,
    "required": ["threadFlows"],
    "properties": {
        "threadFlows": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["locations"],
                "properties": {
                    "locations": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {"location": _LOCATION},
                        },
                    }
                },
            },
        }
    },
}
_RESULT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["message", "ruleId", "level", "locations"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": _MESSAGE,
        "locations": {"type": "array", "minItems": 1, "items": _LOCATION},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        "properties": {"type": "object"},
        "codeFlows": {"type": "array", "items": _FLOW},
    },
}
_RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "shortDescription": _MESSAGE,
        "helpUri": {"type": "string", "pattern": "^https://"},
        "properties": {
            "type": "object",
            "properties": {"tags": {"type": "array", "uniqueItems": True, "items": {"type": "string"}}},
        },
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "pattern": "^https://"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "semanticVersion": {"type": "string"},
                                    "rules": {"type": "array", "uniqueItems": True, "items": _RULE},
                                },
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": _RESULT},
                },
            },
        },
    },
}
"""The standard's own forms of what is written here, and nothing else allowed."""


def _finding(rule: str, cwe: int, **changes: Any) -> Finding:
    place = Place(2, 4, 2, 30)
    return Finding(rule, cwe, "Words.", place, changes.pop("confidence", Confidence.HIGH), "view", "anchor", **changes)


@pytest.mark.parametrize("confidence", list(Confidence))
def test_a_log_has_the_standards_form(confidence: Confidence) -> None:
    trace = (Step(Place(0, 0, 0, 4), "a request's parameter"), Step(Place(9, 1, 9, 2), "arrives", "other.py"))
    found = [
        ("src/a b/ü.py", [_finding("sql-injection", 89, trace=trace, confidence=confidence)]),
        ("src/b.py", [_finding("sql-injection", 89), _finding("open-redirect", 601)]),
        ("src/clean.py", []),
    ]
    log = to_sarif(found, load().families.values(), "1.2.3")
    jsonschema.validate(log, SCHEMA)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == 3
    assert sorted(rule["id"] for rule in rules) == ["open-redirect", "sql-injection"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    first = run["results"][0]
    assert first["locations"][0]["physicalLocation"]["region"]["startLine"] == 3
    steps = first["codeFlows"][0]["threadFlows"][0]["locations"]
    assert steps[1]["location"]["physicalLocation"]["artifactLocation"]["uri"] == "other.py"


def test_a_log_without_findings_has_the_standards_form() -> None:
    jsonschema.validate(to_sarif([], load().families.values(), "1"), SCHEMA)
