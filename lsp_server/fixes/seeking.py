"""Looking for a fix: a model is asked, what it writes is read and checked, and it is asked again if that does not do.

Invariants: what is returned was held against the check as it is; a model is asked no more than MAX_PROPOSALS times.
Pure: who asks the model and who checks is handed in.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from lsp_server.fixes.asking import MAX_PROPOSALS, Attempt, Turn, ask
from lsp_server.fixes.case import Case
from lsp_server.fixes.importing import missing_import, with_imports
from lsp_server.fixes.proposal import Refused, silences, takes_code_away
from lsp_server.fixes.quoting import quoted
from lsp_server.fixes.rewriting import assembled, read_rewritten
from lsp_server.review.verdict import Fix

_UNDEFINED = re.compile(r"(?:[Nn]ame )?[`\"'](\w+)[`\"'] is not defined|Undefined name `(\w+)`")
_WORD = re.compile(r"\w+")
_MOST_IMPORTS = 3


class Checked(NamedTuple):
    """How a text after a fix was judged. refusal: why it does not hold, "" where it does; words: what was checked."""

    refusal: str
    words: str = ""


@dataclass
class Sought:
    """What came of it. fixed: the text after the fix, None where none held; words: what was checked of it."""

    fixed: str | None = None
    words: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    n_proposed: int = 0


Ask = Callable[[tuple[Turn, ...], int], Awaitable[str]]
"""Gives the model's answer to a conversation; the number tells how many answers were no good."""
Check = Callable[[str], Awaitable[Checked]]
"""Judges a text after a fix."""


async def seek(case: Case, ask_model: Ask, check: Check) -> Sought:
    """Return a fix that holds, or why none did."""
    sought = Sought()
    while sought.fixed is None and len(sought.attempts) < MAX_PROPOSALS:
        shown = sought.attempts[-1:] if len(sought.attempts) == 1 else ()
        turns = ask(case.problem, case.region, case.context, case.language_id, case.remedy, shown)
        answer = await ask_model(turns, len(sought.attempts))
        fixed = _proposed(case, answer)
        if isinstance(fixed, Refused):
            sought.attempts.append(Attempt(answer, fixed.words))
            continue
        sought.n_proposed += 1
        fixed, checked = await _judged(case, fixed, check)
        if checked.refusal:
            sought.attempts.append(Attempt(answer, checked.refusal))
        else:
            sought.fixed, sought.words = fixed, checked.words
    return sought


def _proposed(case: Case, answer: str) -> str | Refused:
    """Return the text with what `answer` says in it, or why it does not count."""
    rewritten = read_rewritten(answer, case.region, case.language_id)
    if isinstance(rewritten, Refused):
        return rewritten
    fixed = assembled(case.text, case.region, rewritten, case.language_id)
    if fixed == case.text:
        return Refused("changes nothing")
    if silences(fixed) > silences(case.text):
        return Refused("only silences the tool")
    fixes = quoted(case.text, fixed)
    if case.is_finding and all(map(takes_code_away, fixes)):
        return Refused("only takes the code away")
    if case.is_finding and _loses_value(case, fixes):
        return Refused("leaves out the value that the problem is about")
    return fixed


async def _judged(case: Case, fixed: str, check: Check) -> tuple[str, Checked]:
    """Check a text; one that lacks nothing but imports is given them."""
    checked = await check(fixed)
    for _ in range(_MOST_IMPORTS):
        found = _UNDEFINED.search(f"{checked.refusal}\n{case.problem.message}") if checked.refusal else None
        name = (found[1] or found[2]) if found is not None and case.language_id == "python" else ""
        statement = missing_import(name, fixed) if name else None
        if statement is None or statement in fixed.split("\n"):
            break
        fixed = "\n".join(with_imports(fixed.split("\n"), [statement], case.language_id))
        checked = await check(fixed)
    return fixed, checked


def _loses_value(case: Case, fixes: list[Fix]) -> bool:
    """Tell whether none of the variables on the way of the value is left of those that were there."""
    before, after = (
        {name for fix in fixes for name in _WORD.findall(getattr(fix, side))} & case.values
        for side in ("old_text", "new_text")
    )
    return bool(before) and not after
