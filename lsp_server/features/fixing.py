"""hearthline.fix: an edit that mends what a diagnostic reports, ours or another tool's, and holds.

Invariants: offering it asks no model; what is handed to the client was found in the document exactly once, parses no
worse, and brings nothing new that can be looked for; where nobody here can tell that the problem is gone, it says so.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server import convert
from lsp_server.context.secrets import is_secret_name
from lsp_server.errors import HearthlineError
from lsp_server.features.code_actions import Asked, action
from lsp_server.features.diagnostics import SOURCE, shown
from lsp_server.features.edits import Change, Note, apply, file_of, workspace_edit
from lsp_server.features.proposing import code_from, text_to_work_on
from lsp_server.features.running import Run
from lsp_server.features.subjects import lines_of, subject_of
from lsp_server.fixes import asking
from lsp_server.fixes.asking import Problem, Turn
from lsp_server.fixes.case import Case, case_of
from lsp_server.fixes.quoting import edits_between
from lsp_server.fixes.seeking import Checked, seek
from lsp_server.grammars import LANGUAGES
from lsp_server.review.finding import Finding
from lsp_server.review_process.messages import Held, TryEdit

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

FIX = "hearthline.fix"

_MAX_ACTIONS = 4
_MAX_TITLE_CHARS = 72
_MAX_LINES = 20
_NO_PROBLEMS = frozenset({"unreadable-ignore"})
"""What of ours is said of a comment, and not of the program."""


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
    case, finding = await _case(run)

    async def ask_model(turns: tuple[Turn, ...], n_failed: int) -> str:
        words = "the model writes a fix" if not n_failed else "the model writes another fix"
        return await code_from(run, turns, words, n_failed)

    async def check(fixed: str) -> Checked:
        run.require_current()
        run.report("checking the fix", 0.95)
        held = await run.server.reviewing.process.ask(_trial(run, case, finding, fixed), Held)
        run.require_current()
        return Checked(held.refusal, held.checked)

    sought = await seek(case, ask_model, check)
    if sought.fixed is None:
        raise HearthlineError(asking.why_none(sought.attempts))
    await _offer(run, case, sought.fixed, sought.words)


def _trial(run: Run, case: Case, finding: Finding | None, fixed: str) -> TryEdit:
    first, last = lines_of(run.where)
    return TryEdit(
        run.snapshot.uri,
        run.snapshot.language_id,
        case.text,
        fixed,
        first,
        min(last, first + _MAX_LINES),
        finding.fingerprint if finding is not None else "",
        case.problem.code,
        run.snapshot.path,
    )


async def _offer(run: Run, case: Case, fixed: str, checked: str) -> None:
    name = " ".join(filter(None, (case.problem.source, case.problem.code))) or "the tool that reports it"
    parses = (
        "It parses no worse; whether" if run.snapshot.language_id in LANGUAGES else "Whether it parses, and whether"
    )
    unchecked = f"{parses} {name} still reports the problem was not checked."
    note = Note("Fix proposed by the model", checked or unchecked)
    file = file_of(run.snapshot)
    changes = [Change(file, each.place, each.text) for each in edits_between(case.text, fixed)]
    edit = workspace_edit(run.server.session.capabilities, changes, note)
    label = f"Fix {case.problem.code}" if case.problem.code else "Fix a problem"
    await apply(run.server, edit, label, run.snapshot)


async def _case(run: Run) -> tuple[Case, Finding | None]:
    """Return what is to be mended. Raises HearthlineError where it is not to be found, or may not be shown."""
    snapshot = run.snapshot
    text = text_to_work_on(snapshot)
    problem = _problem(run.arguments.get("diagnostic"))
    first, last = lines_of(run.where)
    if first >= len(snapshot.lines):
        raise HearthlineError("the problem is reported behind the end of the document; ask again")
    reported = range(first, min(last, first + _MAX_LINES, len(snapshot.lines) - 1) + 1)
    finding = None
    if problem.source == SOURCE:
        finding = await _finding(run.server, snapshot.uri, problem.code, run.where)
        if finding is None:
            raise HearthlineError("the problem is not found there any more; ask again")
    subject = await subject_of(run.server, snapshot, run.where)
    around = range(subject.first_line, subject.last_line + 1) if subject is not None else None
    case = case_of(problem, text, snapshot.language_id, reported, around, finding)
    if case is None:
        raise HearthlineError("the line there is too long to be shown to a model")
    return case, finding


def _problem(diagnostic: object) -> Problem:
    message = diagnostic.get("message") if isinstance(diagnostic, Mapping) else None
    if not isinstance(diagnostic, Mapping) or not isinstance(message, str) or not message.strip():
        raise HearthlineError(f"{FIX} needs the diagnostic that is to be mended, with its message")
    return Problem(message, _word(diagnostic, "source"), _word(diagnostic, "code"), "")


def _word(diagnostic: Mapping[object, object], key: str) -> str:
    value = diagnostic.get(key)
    return str(value) if isinstance(value, str | int) else ""
