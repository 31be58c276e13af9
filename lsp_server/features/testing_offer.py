"""Suggested tests -> a change of the test file, and the words that go with it.

Invariants: the change is made for the test file as it stands in the editor, else on the disk, at the moment it is
offered; nothing but that one file is touched; tests that disagree with the code are never part of the same change.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server.context.files import read_plain
from lsp_server.document import DocumentSnapshot, split_lines
from lsp_server.errors import HearthlineError
from lsp_server.features import edits
from lsp_server.features.edits import Change, File, Note
from lsp_server.review.finding import Place
from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.listing import require_plain_place
from lsp_server.tests_for.merge import UnfitTestFile, insertions, merged
from lsp_server.tests_for.planning import Plan
from lsp_server.tests_for.suggestion import Suggestion, Tally

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

MAX_TEST_FILE_CHARS = 200_000
"""A parse of more holds the interpreter lock for longer than the editor's requests may wait."""

ADD, LEAVE = "Add as well", "Leave out"


class _Standing(NamedTuple):
    """The test file as it is now. text: None where it is to be made. snapshot: of an open document."""

    file: File
    text: str | None
    snapshot: DocumentSnapshot | None


async def offer(server: "HearthlineServer", plan: Plan, suggestion: Suggestion, basis: DocumentSnapshot) -> None:
    """Have the client put the tests into their file; say what became of all that were tried.

    basis: the document they are for. Raises HearthlineError.
    """
    name, path = plan.target.subject.qualified_name, plan.target.test_path
    words = tally_words(suggestion.tally, name, path)
    is_made = True
    if suggestion.kept:
        note = Note(f"Tests for {name}", words)
        is_made = await _put(server, plan, suggestion.kept, note, basis)
    if not is_made:
        words = f"The tests for `{name}` were not taken; {path} stays as it was."
    server.window_show_message(types.ShowMessageParams(types.MessageType.Info, words))
    if is_made and suggestion.disagreements:  # beside the command, which is done: a question may stand there for long
        server.spawn(_offer_apart(server, plan, suggestion.disagreements, basis))


async def _offer_apart(
    server: "HearthlineServer", plan: Plan, tests: Sequence[TestCode], basis: DocumentSnapshot
) -> None:
    """Ask whether tests that disagree with the code are wanted, and put them into their file if so."""
    name = plan.target.subject.qualified_name
    if not await _is_wanted(server, name, len(tests)):
        return
    note = Note(f"Tests for {name} that fail", "What the docstring says and what the code does are not the same.")
    try:
        await _put(server, plan, tests, note, basis)
    except HearthlineError as error:
        server.window_show_message(types.ShowMessageParams(types.MessageType.Warning, str(error)))


def tally_words(tally: Tally, name: str, path: str) -> str:
    """Return in a sentence how many tests were tried, kept and left out, and why."""
    head = f"No test for `{name}` is worth keeping" if not tally.kept else f"{_tests(tally.kept)} for `{name}` kept"
    words = f"{head}, of {tally.tried} tried" if tally.tried else f"The model wrote no test for `{name}`"
    if tally.is_covered:
        words = f"No test for `{name}` was asked for: the tests there are cover everything that was found"
    reasons = [f"{n} because they {why}" for why, n in sorted(tally.dropped.items(), key=lambda each: -each[1])]
    words += f"; left out: {', '.join(reasons)}" if reasons else ""
    if tally.stated:
        which = "it states" if tally.kept == 1 else f"{tally.stated} of them state"
        words += f"; {which} what the code does now: check the values, marked with a comment"
    if tally.disagreeing:
        verb = "disagrees" if tally.disagreeing == 1 else "disagree"
        words += f"; {tally.disagreeing} {verb} with the docstring"
    words += f"; {tally.note}" if tally.note else ""
    return f"{words} ({path})." if tally.kept else f"{words}."


async def _put(
    server: "HearthlineServer", plan: Plan, tests: Sequence[TestCode], note: Note, basis: DocumentSnapshot
) -> bool:
    """Ask the client to put `tests` into the test file as it is now; tell whether it did."""
    standing = await _standing(server, plan)
    changes = await asyncio.to_thread(_changes, standing, plan, tests)
    if not changes:
        return True
    edit = edits.workspace_edit(server.session.capabilities, changes, note)
    snapshots = [basis] if standing.snapshot is None else [basis, standing.snapshot]
    return await edits.apply(server, edit, note.label, *snapshots)


async def _standing(server: "HearthlineServer", plan: Plan) -> _Standing:
    path = str(plan.target.workspace / plan.target.test_path)
    document = next((each for each in server.session.documents.values() if each.path == path), None)
    if document is not None:
        snapshot = document.snapshot()
        if snapshot.unfit is not None:
            raise HearthlineError(f"{plan.target.test_path} is open, but its text is not known here; open it again")
        return _Standing(edits.file_of(snapshot), "".join(snapshot.lines), snapshot)
    place = Path(path)
    await asyncio.to_thread(require_plain_place, plan.target.workspace, plan.target.test_path)
    data = await asyncio.to_thread(read_plain, place)
    try:
        text = data.decode() if data is not None else None
    except UnicodeDecodeError:
        raise HearthlineError(f"{plan.target.test_path} is not written in UTF-8; tests cannot be added to it") from None
    return _Standing(edits.file_on_disk(path, text), text, None)


def _changes(standing: _Standing, plan: Plan, tests: Sequence[TestCode]) -> list[Change]:
    """Return what puts `tests` into the file. Raises HearthlineError. Blocking."""
    text = standing.text or ""
    if len(text) > MAX_TEST_FILE_CHARS:
        raise HearthlineError(f"{plan.target.test_path} is too large to add tests to it; split it and ask again")
    try:
        if not text.strip():
            whole = merged(plan.language_id, None, tests, head=plan.head, taken=plan.taken)
            return [Change(standing.file, Place(0, 0, *standing.file.end[2:]), whole)]
        found = insertions(plan.language_id, text, tests, plan.taken)
    except UnfitTestFile as error:
        raise HearthlineError(f"{plan.target.test_path} {error}") from None
    by_place: dict[int, str] = {}
    for insertion in found:
        by_place[insertion.at] = by_place.get(insertion.at, "") + insertion.text
    data = text.encode()
    return [Change(standing.file, _place(data, at), words) for at, words in sorted(by_place.items())]


def _place(data: bytes, at: int) -> Place:
    lines = split_lines(data[:at].decode())
    return Place(len(lines) - 1, len(lines[-1]), len(lines) - 1, len(lines[-1]))


async def _is_wanted(server: "HearthlineServer", name: str, n: int) -> bool:
    """Ask the person about tests that fail because the code does not do what its docstring says."""
    fail = "1 more test fails" if n == 1 else f"{n} more tests fail"
    params = types.ShowMessageRequestParams(
        types.MessageType.Warning,
        f"{fail}, because `{name}` does not do what its docstring says. Add it all the same, marked with a comment?",
        [types.MessageActionItem(ADD), types.MessageActionItem(LEAVE)],
    )
    try:
        answer = await server.protocol.send_request_async(types.WINDOW_SHOW_MESSAGE_REQUEST, params)
    except JsonRpcException:
        return False
    return answer is not None and answer.title == ADD


def _tests(n: int) -> str:
    return "1 test" if n == 1 else f"{n} tests"
