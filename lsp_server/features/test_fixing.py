"""hearthline.fixTest: an edit, of a test or of what it tests, after which the test passes.

Invariants: nothing is run in a folder that the person does not trust, and nothing outside of the sandbox; an edit is
handed to the client only if the test passed with it, asks for no less, and no test of its file that passed fails.
"""

import asyncio
import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from lsp_server import convert
from lsp_server.context.files import read_plain
from lsp_server.context.secrets import is_secret_name
from lsp_server.context.subject import Subject
from lsp_server.document import DocumentSnapshot
from lsp_server.errors import HearthlineError
from lsp_server.features import edits
from lsp_server.features.code_actions import Asked, action
from lsp_server.features.proposing import code_from, text_to_work_on
from lsp_server.features.running import Run
from lsp_server.features.subjects import subject_of
from lsp_server.features.testing import listing_for
from lsp_server.fixes import asking, failing
from lsp_server.fixes.asking import MAX_PROPOSALS, Attempt
from lsp_server.fixes.failing import Shown
from lsp_server.fixes.proposal import Refused
from lsp_server.fixes.quoting import edits_between
from lsp_server.fixes.region import region_of
from lsp_server.languages import language_of
from lsp_server.review_process.messages import FindSubject, Held, Located, TryEdit
from lsp_server.tests_for.conventions_names import family_of
from lsp_server.tests_for.framework import Result, Verdict
from lsp_server.tests_for.planning import find_tool
from lsp_server.tests_for.rerun import Suite
from lsp_server.tests_for.sandbox import find_sandbox
from lsp_server.tests_for.tested import likely_tested, line_of

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

FIX_TEST = "hearthline.fixTest"

_FAILURES = (Verdict.FAILED, Verdict.BROKEN)
_MOST_TRIED = 100
"""Places that are looked at to find what a test tests."""
_NO_RUN = re.compile(r"Benchmark|Fuzz|Example")
"""Begins what Go's test program knows beside tests."""


@dataclass(frozen=True)
class _File:
    """A file of the workspace that may be changed. raw: as it lies there; snapshot: of an open one."""

    shown: Shown
    raw: str
    snapshot: DocumentSnapshot | None


@dataclass(frozen=True)
class _Case:
    """A failing test. files: that of the test first. before: how the tests of its file went as they are."""

    subject: Subject
    suite: Suite
    files: tuple[_File, ...]
    before: dict[str, Result]


def register(server: "HearthlineServer") -> None:
    """Offer the action, and register its command."""

    async def offered(asked: Asked) -> list[types.CodeAction]:
        snapshot, capabilities = asked.snapshot, server.session.capabilities
        if snapshot.path is None or family_of(snapshot.path) is None or not capabilities.edit_requests:
            return []
        subject = await subject_of(server, snapshot, asked.where)
        if subject is None or not subject.is_test or subject.kind == "class":
            return []
        if subject.language_id == "go" and _NO_RUN.match(subject.name):
            return []
        title = f"Fix failing test `{subject.name}`"
        return [action(asked, title, types.CodeActionKind.QuickFix, FIX_TEST)]

    server.code_actions.add([types.CodeActionKind.QuickFix], offered)
    server.running.add(FIX_TEST, "Hearthline: mending a test", _fix)


async def _fix(run: Run) -> None:
    case = await _case(run)
    failure = case.before[case.subject.name].words
    attempts: list[Attempt] = []
    while len(attempts) < MAX_PROPOSALS:
        turns = failing.ask(case.subject.name, failure, [file.shown for file in case.files], attempts)
        answer = await code_from(run, turns, "the model writes a fix", len(attempts))
        run.require_current()
        refusal = await _tried(run, case, answer)
        if refusal is None:
            return
        attempts.append(Attempt(answer, refusal))
    raise HearthlineError(asking.why_none(attempts))


async def _tried(run: Run, case: _Case, answer: str) -> str | None:
    """Hand the edit in `answer` to the client if the test passes with it, else return why not."""
    found = failing.mended_among([file.shown for file in case.files], answer)
    if isinstance(found, Refused):
        return found.words
    number, changed = found
    file = case.files[number]
    language_id = file.shown.language_id
    if number == 0 and failing.is_weaker(file.shown.text, changed, language_id):
        return "makes the test ask for less"
    nowhere = -2  # no tool reports a line; what counts is that the edit parses and brings nothing
    request = TryEdit(run.snapshot.uri, language_id, file.shown.text, changed, nowhere, nowhere)
    held = await run.server.reviewing.process.ask(request, Held)
    if held.refusal:
        return held.refusal
    run.report("running the test", 0.95)
    texts = {each.shown.path: each.shown.text for each in case.files} | {file.shown.path: changed}
    after = await case.suite.run(texts)
    refusal = _why_worse(case, after)
    if refusal is None:
        await _offer(run, case, file, changed)
    return refusal


def _why_worse(case: _Case, after: dict[str, Result]) -> str | None:
    name = case.subject.name
    result = after.get(name)
    if result is None or result.verdict is not Verdict.PASSED:
        return f"does not make the test pass: {result.words if result is not None else 'it is not there any more'}"
    for other, before in case.before.items():
        now = after.get(other)
        if before.verdict is Verdict.PASSED and (now is None or now.verdict is not Verdict.PASSED):
            return f"makes `{other}` fail"
    return None


async def _offer(run: Run, case: _Case, file: _File, changed: str) -> None:
    path = str(case.suite.workspace / file.shown.path)
    target = edits.file_of(file.snapshot) if file.snapshot is not None else edits.file_on_disk(path, file.raw)
    have_passed = any(result.verdict is Verdict.PASSED for result in case.before.values())
    others = ", and the others of its file that passed still do" if have_passed else ""
    note = edits.Note("Fix proposed by the model", f"`{case.subject.name}` passes with it{others}.")
    changes = [edits.Change(target, each.place, each.text) for each in edits_between(file.shown.text, changed)]
    edit = edits.workspace_edit(run.server.session.capabilities, changes, note)
    basis = [each.snapshot for each in case.files if each.snapshot is not None]
    await edits.apply(run.server, edit, f"Fix test {case.subject.name}", *basis)


async def _case(run: Run) -> _Case:
    """Run the tests of the file as they are. Raises HearthlineError where there is nothing to mend."""
    server, snapshot = run.server, run.snapshot
    text = text_to_work_on(snapshot)
    subject = await subject_of(server, snapshot, run.where)
    if subject is None or not subject.is_test or snapshot.path is None:
        raise HearthlineError("there is no test of a file here")
    folder = server.trust.folder_of(snapshot.path)
    await server.trust.require(folder)
    run.require_current()
    sandbox = await asyncio.to_thread(find_sandbox)
    path = Path(snapshot.path).relative_to(folder).as_posix()
    listing = await listing_for(server, folder, path)
    tool = await asyncio.to_thread(find_tool, path, text, folder, listing)
    own = _file(path, text, "".join(snapshot.lines), snapshot, subject, subject.first_line)
    if own is None:
        raise HearthlineError(f"`{subject.name}` is too long to be written again")
    tested = await _tested(run, subject, path, text, folder, listing.files)
    files = (own,) if tested is None else (own, tested)
    suite = Suite(tool, sandbox, folder, path, text, subject)
    run.report("running the test", 0.0)
    before = await suite.run({file.shown.path: file.shown.text for file in files})
    result = before.get(subject.name)
    if result is None or result.verdict not in _FAILURES:
        state = "was not run" if result is None else result.words or f"is {result.verdict}"
        raise HearthlineError(f"there is nothing to mend: `{subject.name}` {_told(result, state)}")
    return _Case(subject, suite, files, before)


def _told(result: Result | None, state: str) -> str:
    return "passes" if result is not None and result.verdict is Verdict.PASSED else f"could not be judged; {state}"


async def _tested(
    run: Run, subject: Subject, path: str, text: str, folder: Path, files: Collection[str]
) -> _File | None:
    """Return the file of what the test is about, None where it is not found in `folder`, which holds `files`."""
    for candidate, name in islice(likely_tested(path, subject.text, text, files), _MOST_TRIED):
        raw, snapshot = await _raw(run, folder / candidate)
        code = raw.replace("\r\n", "\n").replace("\r", "\n") if raw is not None else ""
        line = line_of(name, candidate, code)
        if raw is None or line is None:
            continue
        request = FindSubject(convert.uri_of(str(folder / candidate)), language_of(candidate), code, line, line)
        found = (await run.server.reviewing.process.ask(request, Located)).subject
        return _file(candidate, code, raw, snapshot, found, line)
    return None


async def _raw(run: Run, path: Path) -> tuple[str | None, DocumentSnapshot | None]:
    """Return what a file says in the editor, else on the disk; None for what is not to be read."""
    if is_secret_name(str(path)):
        return None, None
    for document in run.server.session.documents.values():
        if document.path == str(path) and document.unfit is None:
            snapshot = document.snapshot()
            return "".join(snapshot.lines), snapshot
    data = await asyncio.to_thread(read_plain, path)
    try:
        return (data.decode() if data is not None else None), None
    except UnicodeDecodeError:
        return None, None


def _file(
    path: str, text: str, raw: str, snapshot: DocumentSnapshot | None, subject: Subject | None, line: int
) -> _File | None:
    """Return a file whose function at `line` is shown; None for one that is too long to be written again."""
    around = range(subject.first_line, subject.last_line + 1) if subject is not None else None
    region = region_of(text.split("\n"), range(line, line + 1), around)
    if region is None or not region.is_function:
        return None
    return _File(Shown(path, text, region), raw, snapshot)
