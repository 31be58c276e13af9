"""hearthline.fix: an edit that mends what a diagnostic reports, ours or another tool's, and holds.

Invariants: offering it asks no model; what is handed to the client was found in the document exactly once, parses no
worse, and brings nothing new that can be looked for; where nobody here can tell that the problem is gone, it says so.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server import convert
from lsp_server.context.secrets import is_secret_name
from lsp_server.errors import HearthlineError
from lsp_server.features.code_actions import Asked, action
from lsp_server.features.diagnostics import SOURCE, shown
from lsp_server.features.edits import Change, Note, apply, file_of, workspace_edit
from lsp_server.features.proposing import answer_to, text_to_work_on
from lsp_server.features.running import Run
from lsp_server.features.subjects import lines_of, subject_of
from lsp_server.fixes import asking
from lsp_server.fixes.asking import MAX_PROPOSALS, Attempt, Problem
from lsp_server.fixes.excerpt import Excerpt, choices, excerpt_of
from lsp_server.fixes.proposal import Refused, Replacement, locate, read, replaced, takes_code_away
from lsp_server.grammars import LANGUAGES
from lsp_server.review.finding import Finding
from lsp_server.review_process.messages import Held, TryEdit

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

FIX = "hearthline.fix"

_MAX_ACTIONS = 4
_MAX_TITLE_CHARS = 72
_MAX_LINES = 20
_NAME, _WORD = re.compile(r"`(\w+)`"), re.compile(r"\w+")
_NO_PROBLEMS = frozenset({"unreadable-ignore"})
"""What of ours is said of a comment, and not of the program."""


@dataclass(frozen=True)
class _Case:
    """What is to be mended in one document. text: of it. lines: those that are reported. finding: ours, None if not."""

    problem: Problem
    text: str
    lines: range
    finding: Finding | None
    excerpt: Excerpt


def register(server: "HearthlineServer") -> None:
    """Offer the action, and register its command."""

    async def offered(asked: Asked) -> list[types.CodeAction]:
        snapshot = asked.snapshot
        if not server.session.capabilities.edit_requests or snapshot.unfit or is_secret_name(snapshot.path or ""):
            return []
        unfixed = [each for each in asked.context.diagnostics if not await _is_fixed(server, asked, each)]
        return [_action(asked, diagnostic) for diagnostic in unfixed[:_MAX_ACTIONS]]

    server.code_actions.add([types.CodeActionKind.QuickFix], offered)
    server.running.add(FIX, "Hearthline: looking for a fix", _fix)


def _action(asked: Asked, diagnostic: types.Diagnostic) -> types.CodeAction:
    words = " ".join(diagnostic.message.split())
    title = f"Fix: {words if len(words) <= _MAX_TITLE_CHARS else f'{words[: _MAX_TITLE_CHARS - 1]}…'}"
    where = diagnostic.range
    told = {"range": where, "message": diagnostic.message, "source": diagnostic.source, "code": diagnostic.code}
    return action(asked, title, types.CodeActionKind.QuickFix, FIX, where, mends=diagnostic, diagnostic=told)


async def _is_fixed(server: "HearthlineServer", asked: Asked, diagnostic: types.Diagnostic) -> bool:
    """Tell whether there is nothing to look for: a fix lies ready, or it is no problem of the program."""
    if diagnostic.source != SOURCE:
        return False
    finding = await _finding(server, asked.snapshot.uri, str(diagnostic.code), diagnostic.range)
    if diagnostic.code in _NO_PROBLEMS or finding is None:
        return diagnostic.code in _NO_PROBLEMS
    return (await server.judging.fix_for(asked.snapshot, finding)).place is not None


async def _finding(server: "HearthlineServer", uri: str, rule: str, where: types.Range) -> Finding | None:
    """Return the finding that is shown at `where`."""
    result = await server.reviewing.current(uri)
    if result is None:
        return None
    for judged in shown(server, result.reviewed, uri):
        place = convert.place_range(result.snapshot.lines, result.snapshot.encoding, judged.finding.place)
        if judged.finding.rule == rule and place == where:
            return judged.finding
    return None


async def _fix(run: Run) -> None:
    case = await _case(run)
    attempts: list[Attempt] = []
    schema = asking.schema_for(choices([case.excerpt], case.lines))
    while len(attempts) < MAX_PROPOSALS:
        words = "the model writes an edit" if not attempts else "the model writes another edit"
        turns = asking.ask(case.problem, case.excerpt, run.snapshot.language_id, attempts)
        answer = await answer_to(run, turns, schema, words, is_again=bool(attempts))
        run.require_current()
        run.report("checking the edit", 0.95)
        found, held = await _checked(run, case, answer)
        if found is not None:
            return await _offer(run, case, found, held)
        attempts.append(Attempt(answer, held.refusal))
    raise HearthlineError(asking.why_none(attempts))


async def _checked(run: Run, case: _Case, answer: str) -> tuple[Replacement | None, Held]:
    """Return the edit in `answer` if it holds, and what was found of it."""
    fix = read(answer)
    if fix is None:
        return None, Held("is no edit of the form that was asked for")
    found = locate(case.excerpt, fix)
    if isinstance(found, Refused):
        return None, Held(found.words)
    if case.finding is not None and takes_code_away(found):
        return None, Held("only takes the code away")
    if case.finding is not None and _loses_value(case, found):
        return None, Held("leaves out the value that the problem is about")
    request = TryEdit(
        run.snapshot.uri,
        run.snapshot.language_id,
        case.text,
        found.place,
        found.text,
        case.lines.start,
        case.lines.stop - 1,
        case.finding.fingerprint if case.finding is not None else "",
        case.problem.code,
        run.snapshot.path,
    )
    held = await run.server.reviewing.process.ask(request, Held)
    run.require_current()
    return (None if held.refusal else found), held


def _loses_value(case: _Case, found: Replacement) -> bool:
    """Tell whether none of the variables on the way of the value is left of those that were there."""
    steps = case.finding.trace if case.finding is not None else ()
    values = {name for step in steps if step.words.startswith("into ") for name in _NAME.findall(step.words)}
    old = replaced(case.text, found.place)
    before, after = (values & set(_WORD.findall(text)) for text in (old, found.text))
    return bool(before) and not after


async def _offer(run: Run, case: _Case, found: Replacement, held: Held) -> None:
    name = " ".join(filter(None, (case.problem.source, case.problem.code))) or "the tool that reports it"
    parses = (
        "It parses no worse; whether" if run.snapshot.language_id in LANGUAGES else "Whether it parses, and whether"
    )
    unchecked = f"{parses} {name} still reports the problem was not checked."
    note = Note("Fix proposed by the model", held.checked or unchecked)
    edit = workspace_edit(
        run.server.session.capabilities, [Change(file_of(run.snapshot), found.place, found.text)], note
    )
    label = f"Fix {case.problem.code}" if case.problem.code else "Fix a problem"
    await apply(run.server, edit, label, run.snapshot)


async def _case(run: Run) -> _Case:
    """Return what is to be mended. Raises HearthlineError where it is not to be found, or may not be shown."""
    snapshot = run.snapshot
    text = text_to_work_on(snapshot)
    problem = _problem(run.arguments.get("diagnostic"))
    first, last = lines_of(run.where)
    if first >= len(snapshot.lines):
        raise HearthlineError("the problem is reported behind the end of the document; ask again")
    problem = problem._replace(line=snapshot.lines[first])
    lines = range(first, min(last, first + _MAX_LINES, len(snapshot.lines) - 1) + 1)
    finding = None
    if problem.source == SOURCE:
        finding = await _finding(run.server, snapshot.uri, problem.code, run.where)
        if finding is None:
            raise HearthlineError("the problem is not found there any more; ask again")
        problem = problem._replace(message=_story(finding))
    subject = await subject_of(run.server, snapshot, run.where)
    around = range(subject.first_line, subject.last_line + 1) if subject is not None else None
    others = [step.place.line for step in finding.trace if step.path is None] if finding is not None else []
    excerpt = excerpt_of(snapshot.lines, lines, around, others)
    if not excerpt.parts:
        raise HearthlineError("the line there is too long to be shown to a model")
    return _Case(problem, text, lines, finding, excerpt)


def _problem(diagnostic: object) -> Problem:
    message = diagnostic.get("message") if isinstance(diagnostic, Mapping) else None
    if not isinstance(diagnostic, Mapping) or not isinstance(message, str) or not message.strip():
        raise HearthlineError(f"{FIX} needs the diagnostic that is to be mended, with its message")
    return Problem(message, _word(diagnostic, "source"), _word(diagnostic, "code"), "")


def _word(diagnostic: Mapping[object, object], key: str) -> str:
    value = diagnostic.get(key)
    return str(value) if isinstance(value, str | int) else ""


def _story(finding: Finding) -> str:
    """Return what a finding says, and the way of the value."""
    steps: Iterable[str] = (f"- {step.words}" for step in finding.trace)
    return "\n".join((f"{finding.message} (CWE-{finding.cwe})", *steps))
