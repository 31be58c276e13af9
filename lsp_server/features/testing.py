"""hearthline.suggestTests and its code action: tests for the function at the cursor.

Invariants: no model is asked and nothing is run before the command; nothing at all is run in a folder that the person
does not trust; tests are offered only for the text that they were made for.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types

from lsp_server.context.subject import Subject
from lsp_server.document import DocumentSnapshot
from lsp_server.engine.protocol import Priority
from lsp_server.errors import HearthlineError
from lsp_server.features.code_actions import Asked, action
from lsp_server.features.reviewing import text_of
from lsp_server.features.running import Run
from lsp_server.features.subjects import subject_of
from lsp_server.features.testing_offer import offer
from lsp_server.tests_for.conventions_names import family_of, is_in_tests, tested_stem
from lsp_server.tests_for.listing import Listing
from lsp_server.tests_for.planning import Plan, make_plan
from lsp_server.tests_for.sandbox import find_sandbox
from lsp_server.tests_for.suggest import suggest
from lsp_server.tests_for.suggestion import Suggestion

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

KIND = "hearthline.tests"
SUGGEST = "hearthline.suggestTests"

_TITLE = "Hearthline: suggesting tests"


class Suggested(NamedTuple):
    """Tests that were made, and how they are put where they belong."""

    plan: Plan
    suggestion: Suggestion


def register(server: "HearthlineServer") -> None:
    """Register the code action and its command."""

    async def actions(asked: Asked) -> list[types.CodeAction]:
        if not may_be_tested(server, asked.snapshot):
            return []
        subject = await subject_of(server, asked.snapshot, asked.where)
        if subject is None or subject.is_test:
            return []
        title = f"Suggest tests for `{subject.qualified_name}`"
        return [action(asked, title, KIND, SUGGEST)]

    async def work(run: Run) -> None:
        subject = await subject_of(server, run.snapshot, run.where)
        if subject is None:
            raise HearthlineError("there is no function or class here that could be tested")
        folder = server.trust.folder_of(run.snapshot.path)
        await server.trust.require(folder)

        def report(words: str, share: float) -> None:
            run.require_current()  # the rest of the work would be for nothing
            run.report(words, share)

        made = await suggested(server, run.snapshot, subject, folder, report)
        run.require_current()
        run.end_progress()
        await offer(server, made.plan, made.suggestion, run.snapshot)

    server.code_actions.add([KIND], actions)
    server.running.add(SUGGEST, _TITLE, work)


def may_be_tested(server: "HearthlineServer", snapshot: DocumentSnapshot) -> bool:
    """Tell whether tests for functions of this document could be made, by its name and place alone."""
    path = snapshot.path
    if path is None or snapshot.unfit is not None or family_of(path) is None or tested_stem(path) is not None:
        return False
    folders = [folder for folder in server.session.folders if Path(path).is_relative_to(folder)]
    return any(not is_in_tests(str(Path(path).relative_to(folder))) for folder in folders)


async def suggested(
    server: "HearthlineServer",
    snapshot: DocumentSnapshot,
    subject: Subject,
    folder: Path,
    report: Callable[[str, float], None],
    priority: Priority = Priority.FOREGROUND,
) -> Suggested:
    """Make and try tests of `subject`. folder: trusted; the document lies in it. Raises HearthlineError."""
    text = text_of(snapshot)
    if text is None or snapshot.path is None:
        raise HearthlineError("the file is larger than 512 KB, or is none on this machine")
    path = Path(snapshot.path).relative_to(folder).as_posix()
    sandbox = await asyncio.to_thread(find_sandbox)
    listing = await listing_for(server, folder, path)
    made = await asyncio.to_thread(make_plan, subject, path, text, folder, listing)
    suggestion = await suggest(made.target, made.framework, server.session.engine, sandbox, report, priority=priority)
    return Suggested(made, suggestion)


async def listing_for(server: "HearthlineServer", folder: Path, path: str) -> Listing:
    """Return what of `folder` is looked at for the tests of the file at `path` in it. Raises HearthlineError."""
    exclude = server.session.settings.index.exclude
    return await asyncio.to_thread(Listing, folder, path, exclude, _shown(server, folder))


def _shown(server: "HearthlineServer", folder: Path) -> dict[str, Sequence[str]]:
    """Return the lines of the open documents of `folder`, by their paths in it."""
    snapshots = [document.snapshot() for document in server.session.documents.values() if document.unfit is None]
    return {
        Path(snapshot.path).relative_to(folder).as_posix(): snapshot.lines
        for snapshot in snapshots
        if snapshot.path is not None and Path(snapshot.path).is_relative_to(folder)
    }
