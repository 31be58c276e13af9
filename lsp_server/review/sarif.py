"""Findings as SARIF 2.1.0, which code hosts and CI systems show. Pure.

Source: the OASIS standard "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from lsp_server.review.cwe import page_of
from lsp_server.review.finding import Confidence, Finding, Place
from lsp_server.review.rulebook import Family

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVEL = {Confidence.HIGH: "warning", Confidence.MEDIUM: "note", Confidence.LOW: "note"}


def to_sarif(
    found: Iterable[tuple[str, Sequence[Finding]]], families: Iterable[Family], version: str
) -> dict[str, Any]:
    """Return the log of one run.

    found: findings by path, relative to where the run began and with `/`. families: those of the rulebook; the log
    lists the ones that were found. version: of this program.
    """
    results = [_result(path, finding) for path, findings in found for finding in findings]
    used = {result["ruleId"] for result in results}
    rules = [_rule(family) for family in families if family.id in used]
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    for result in results:
        if result["ruleId"] in index:
            result["ruleIndex"] = index[result["ruleId"]]
    driver = {
        "name": "Hearthline",
        "semanticVersion": version,
        "rules": rules,
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(family: Family) -> dict[str, Any]:
    return {
        "id": family.id,
        "shortDescription": {"text": family.title},
        "helpUri": page_of(family.cwe),
        "properties": {"tags": ["security", f"external/cwe/cwe-{family.cwe:03d}"]},
    }


def _result(path: str, finding: Finding) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVEL[finding.confidence],
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": _location(path, finding.place)}],
        "partialFingerprints": {"hearthline/v1": finding.fingerprint},
        "properties": {"confidence": finding.confidence.name.lower(), "cwe": finding.cwe},
    }
    if finding.trace:
        steps = [
            {
                "location": {
                    "physicalLocation": _location(step.path or path, step.place),
                    "message": {"text": step.words},
                }
            }
            for step in finding.trace
        ]
        result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    return result


def _location(path: str, place: Place) -> dict[str, Any]:
    region = {
        "startLine": place.line + 1,
        "startColumn": place.column + 1,
        "endLine": place.end_line + 1,
        "endColumn": place.end_column + 1,
    }
    return {"artifactLocation": {"uri": quote(path)}, "region": region}
