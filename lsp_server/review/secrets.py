"""Credentials that stand in the source, as findings. Pure.

What a secret looks like is decided where files are kept from the index (`context.secrets`), so that what is reported
here is what is never sent to a model, and the other way round. The finding never holds the secret: its anchor is a
hash, its message names no text.
"""

import hashlib

from lsp_server.context.secrets import find_secrets
from lsp_server.review.finding import Confidence, Finding, Offsets
from lsp_server.review.rulebook import Family

RULE = "hardcoded-credential"


def find_credentials(text: str, family: Family) -> list[Finding]:
    r"""Return a finding for each line of `text` with a credential on it. family: that of RULE."""
    offsets = Offsets(text)
    findings: dict[int, Finding] = {}
    for start, end in sorted(find_secrets(text)):
        place = offsets.place(start, end)
        findings.setdefault(
            place.line,
            Finding(
                rule=family.id,
                cwe=family.cwe,
                message=family.message,
                place=place,
                confidence=Confidence.HIGH,
                symbol="",
                anchor=hashlib.sha256(text[start:end].encode("utf-8", "replace")).hexdigest(),
            ),
        )
    return list(findings.values())
