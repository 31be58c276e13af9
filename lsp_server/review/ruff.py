"""A second source for Python: those of ruff's `S` rules that are right nearly always, as findings of our families.

Owns the choice of rules. Pure; who runs ruff is `review_process.ruff`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from lsp_server.review.finding import Confidence, Finding, Place, normalise

ORIGIN = "ruff "

# Left out on purpose: what is right only in one of several places (S101 assert, S105 names like passwords, S301 pickle,
# S311 random, S603 and S607 subprocess at all, S608 any text that looks like SQL).
_FAMILY_OF = {
    "S103": "file-permissions",
    "S201": "debug-mode",
    "S202": "zip-slip",
    "S306": "insecure-temporary-file",
    "S323": "certificate-check",
    "S324": "weak-cryptography",
    "S501": "certificate-check",
    "S502": "weak-cryptography",
    "S503": "weak-cryptography",
    "S504": "weak-cryptography",
    "S505": "weak-cryptography",
    "S506": "unsafe-deserialization",
    "S507": "certificate-check",
    "S508": "cleartext-transport",
    "S509": "weak-cryptography",
    "S612": "code-injection",
    "S701": "cross-site-scripting",
    "S702": "cross-site-scripting",
}


RULES = tuple(_FAMILY_OF)
"""What ruff is to look for."""


def read_findings(said: Iterable[Mapping[str, Any]], text: str, cwe_of: Mapping[str, int]) -> list[Finding]:
    """Turn ruff's diagnostics of `text` into findings; what belongs to no family of ours is left out."""
    lines = text.split("\n")
    findings = []
    for each in said:
        rule = _FAMILY_OF.get(each["code"] or "")
        if rule is None or rule not in cwe_of:
            continue
        (row, column), (end_row, end_column) = _at(each["location"]), _at(each["end_location"])
        findings.append(
            Finding(
                rule=rule,
                cwe=cwe_of[rule],
                message=f"{each['message']}.",
                place=Place(row, column, end_row, end_column),
                confidence=Confidence.MEDIUM,
                symbol="",
                anchor=normalise(lines[row]) if row < len(lines) else "",
                origin=f"{ORIGIN}{each['code']}",
            )
        )
    return findings


def _at(location: Mapping[str, int]) -> tuple[int, int]:
    return location["row"] - 1, location["column"] - 1
