"""What comes of suggesting tests: those that are worth having, those that disagree, and the count of all. Pure.

Invariant: every test that was tried is counted once, as kept, as a disagreement or as dropped for one reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lsp_server.tests_for.framework import TestCode


@dataclass(frozen=True, slots=True)
class Tally:
    """tried: tests that were made. dropped: how many by reason, in words that follow "3 because they".

    stated: how many of the kept ones expect what the code gave, because what they expected before was not so.
    is_covered: nothing was asked for, the tests there are tell all; note: what is to be said of these.
    """

    tried: int = 0
    kept: int = 0
    disagreeing: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    stated: int = 0
    is_covered: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """kept: each passed three times in a row and tells something that the others do not.

    disagreements: each failed on something that the target's own docstring says otherwise; they hold a comment that
    says so.
    """

    kept: tuple[TestCode, ...]
    disagreements: tuple[TestCode, ...]
    tally: Tally
