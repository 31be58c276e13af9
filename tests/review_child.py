"""The review process with a rule of thumb: `danger(x)` is a finding, `hang()`, `spin()` and `die()` do as they say.

`maybe(x)` is a finding of middling confidence, `trace(x)` one with a way through the file's first line. A function is a
line that begins with `def` and the indented ones below.
"""

import os
import re
import time
from collections.abc import Iterator
from typing import Any

from lsp_server.review import rulebook
from lsp_server.review.finding import Confidence, Finding, Place, Review, Scope, Step, normalise
from lsp_server.review.reviewer import Reviewer
from lsp_server.review_process.child import serve
from lsp_server.review_process.whole import WholeReviewer

_FUNCTION = re.compile(r"^def (\w+).*(?:\n[ \t]+.*)*", re.MULTILINE)
_CALL = re.compile(r"\b(danger|maybe|trace)\(.*?\)")


class RuleOfThumb(Reviewer):
    """Finds calls by their names."""

    def __init__(self) -> None:
        """Need no rules."""

    def forget(self, document: str) -> None:
        """Keep nothing of any."""

    def review(self, text: str, language_id: str, *_: object, **__: object) -> Review:
        if "hang()" in text:
            time.sleep(3600)
        while "spin()" in text:
            pass
        if "die()" in text:
            os.abort()
        if language_id == "plaintext":
            return Review((), (), "plain text")
        findings, seen = [], dict[str, int]()
        for number, line in enumerate(text.split("\n")):
            for found in _CALL.finditer(line):
                place = Place(number, found.start(), number, found.end())
                anchor = normalise(found[0])
                seen[anchor] = seen.get(anchor, -1) + 1
                more: dict[str, Any] = {"ordinal": seen[anchor]}
                if found[1] == "trace":
                    more["trace"] = (Step(Place(0, 0, 0, 1), "it comes in here"), Step(place, "it ends here"))
                sure = Confidence.MEDIUM if found[1] == "maybe" else Confidence.HIGH
                rule, cwe = ("sql-injection", 89) if found[1] == "danger" else ("path-traversal", 22)
                findings.append(Finding(rule, cwe, "That is dangerous. Do not.", place, sure, "", anchor, **more))
        return Review(tuple(findings), tuple(_functions(text)))


def _functions(text: str) -> Iterator[Scope]:
    for found in _FUNCTION.finditer(text):
        first, last = (text.count("\n", 0, at) for at in found.span())
        yield Scope(found[1], Place(first, 0, last, len(found[0].rpartition("\n")[2])), is_broken=False)


if __name__ == "__main__":
    serve(WholeReviewer(rulebook.load(), RuleOfThumb()))
