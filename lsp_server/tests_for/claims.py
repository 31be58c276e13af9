"""A test with several claims, taken apart and put together again by lines. Pure.

Invariant: what is left of a test is lines of it, in their order; all that is not a claim stays.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from lsp_server.tests_for.framework import TestCode

Claim = tuple[int, int]
"""First and last line of a claim, 0-based, in the test's text."""


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


def without(test: TestCode, claims: Collection[Claim]) -> TestCode:
    """Return `test` without the lines of `claims`."""
    gone = {line for first, last in claims for line in range(first, last + 1)}
    lines = test.text.split("\n")
    return replace(test, text="\n".join(line for number, line in enumerate(lines) if number not in gone))
