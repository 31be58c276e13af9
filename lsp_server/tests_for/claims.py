"""A test with several claims, taken apart and put together again by lines. Pure.

Invariant: what is left of a test is lines of it, in their order; all that is not a claim stays.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from lsp_server.tests_for.framework import TestCode

Claim = tuple[int, int]
"""First and last line of a claim, 0-based, in the test's text."""


MOST_LITERAL_CHARS = 100
MOST_FLOAT_CHARS = 8
"""What is stated is no longer than this; a longer float is a result of rounding, which another machine may do
otherwise."""
SAID = "say what another one says"
"""Why a test is left out that differs from another one in its name and in blanks alone."""


def said_by(test: TestCode) -> str:
    """Return what `test` says, whatever it is called and however it is spaced."""
    return "".join(test.text.replace(test.name, "", 1).split())


def parts_of(test: TestCode, claims: Sequence[Claim]) -> tuple[TestCode, ...]:
    """Return `test` once with each of its claims alone, named after it; nothing where it has but one."""
    if len(claims) < 2:
        return ()
    return tuple(
        renamed(without(test, [other for other in claims if other != claim]), f"{test.name}__{number}")
        for number, claim in enumerate(claims)
    )


def renamed(test: TestCode, name: str) -> TestCode:
    """Return `test` under another name."""
    own = re.compile(rf"(?<!\w){re.escape(test.name)}(?!\w)")
    return replace(test, name=name, text=own.sub(lambda _: name, test.text, count=1))


def with_claims(text: str, claims: Sequence[Claim], new: Mapping[Claim, str]) -> str:
    """Return the test `text` with the words of `new` in place of its `claims`, and without those that `new` has not."""
    lines = text.split("\n")
    for first, last in reversed(claims):
        margin = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
        words = new.get((first, last))
        lines[first : last + 1] = [margin + words] if words is not None else []
    return "\n".join(lines)


def without(test: TestCode, claims: Collection[Claim]) -> TestCode:
    """Return `test` without the lines of `claims`."""
    gone = {line for first, last in claims for line in range(first, last + 1)}
    lines = test.text.split("\n")
    return replace(test, text="\n".join(line for number, line in enumerate(lines) if number not in gone))
