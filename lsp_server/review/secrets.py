"""Credentials that stand in the source, as findings. Pure.

What a secret looks like is decided where files are kept from the index (`context.secrets`), so that what is reported
here is what is never sent to a model, and the other way round. The finding never holds the secret: its anchor is a
hash, its message names no text.
"""

import hashlib
from bisect import bisect_right

from lsp_server.context.secrets import find_secrets
from lsp_server.review.finding import Confidence, Finding, Place
from lsp_server.review.rulebook import Family

RULE = "hardcoded-credential"


def find_credentials(text: str, family: Family) -> list[Finding]:
    r"""Return a finding for each line of `text` with a credential on it. family: that of RULE."""
    starts = [0]
    for place, character in enumerate(text):
        if character == "\n":
            starts.append(place + 1)
    findings: dict[int, Finding] = {}
    for start, end in sorted(find_secrets(text)):
        line = bisect_right(starts, start) - 1
        last = bisect_right(starts, max(start, end - 1)) - 1
        findings.setdefault(
            line,
            Finding(
                rule=family.id,
                cwe=family.cwe,
                message=family.message,
                place=Place(line, start - starts[line], last, end - starts[last]),
                confidence=Confidence.HIGH,
                symbol="",
                anchor=hashlib.sha256(text[start:end].encode("utf-8", "replace")).hexdigest(),
            ),
        )
    return list(findings.values())
