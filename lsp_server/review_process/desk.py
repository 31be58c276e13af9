"""What the review process does with each request.

Owns the last review of each open document, so that a function that does not parse right now keeps its findings, and
what HEAD's texts had. Invariant: no answer is larger than MAX_FINDINGS make it; whatever the text, the answer is data.
"""

import os
from collections import OrderedDict
from dataclasses import replace
from pathlib import PurePath
from stat import S_ISREG
from typing import NamedTuple

import msgspec

from lsp_server.context.files import MAX_FILE_BYTES, fit_text
from lsp_server.languages import language_of
from lsp_server.review import baseline, carry, ignoring
from lsp_server.review.finding import Finding, Review
from lsp_server.review.rulebook import Rulebook
from lsp_server.review.suppressions import PROJECT_FILE, find_ignore, parse_comments, parse_project
from lsp_server.review_process.commenting import first_comment
from lsp_server.review_process.head import Head
from lsp_server.review_process.judging import read_case, try_fix
from lsp_server.review_process.messages import (
    Answer,
    Done,
    FindIgnores,
    Forget,
    HoldProject,
    Ignores,
    Judged,
    ReadCase,
    Request,
    Reviewed,
    ReviewFile,
    ReviewText,
    TryFix,
)
from lsp_server.review_process.project import Project, Projects
from lsp_server.review_process.whole import WholeReviewer

MAX_FINDINGS = 200
"""More of them in one file help nobody, and the editor's loop has to turn each into a diagnostic."""

_MAX_BLOBS = 512


class _Last(NamedTuple):
    """The last review of an open document that was not skipped, findings carried into it included."""

    language_id: str
    text: str
    review: Review


class Desk:
    """Answers requests, one at a time."""

    def __init__(self, rulebook: Rulebook, reviewer: WholeReviewer, head: Head | None = None) -> None:
        self._rulebook = rulebook
        self._known = rulebook.families.keys()
        self._reviewer = reviewer
        self._head = head or Head()
        self._projects = Projects(self._known)
        self._last: dict[str, _Last] = {}
        self._older: OrderedDict[tuple[str, str], frozenset[str] | None] = OrderedDict()

    def answer(self, request: Request) -> Answer:
        """Return the answer to `request`."""
        match request:
            case ReviewText():
                return self._review_text(request)
            case ReviewFile():
                return self._review_file(request)
            case FindIgnores():
                return self._find_ignores(request)
            case ReadCase(language_id=language_id, text=text, fingerprint=fingerprint, path=path):
                review = self._reviewer.review(text, language_id, path)
                return read_case(review, text, fingerprint, self._rulebook)
            case TryFix(language_id=language_id, text=text, fingerprint=fingerprint, fix=fix, path=path):
                return try_fix(self._reviewer, text, language_id, path, fingerprint, fix)
            case Forget(uri=uri):
                self._last.pop(uri, None)
                self._reviewer.forget(uri)
            case HoldProject(path=path, text=text):
                self._projects.hold(path, text)
        return Done()

    def _review_text(self, request: ReviewText) -> Reviewed:
        if request.path is not None and PurePath(request.path).name == PROJECT_FILE:
            return Reviewed(problems=tuple(parse_project(request.text, self._known)[1][:MAX_FINDINGS]))
        last = self._last.pop(request.uri, None)
        review = self._reviewer.review(
            request.text,
            request.language_id,
            request.path,
            takes_longer=request.takes_longer,
            earlier=last.review.findings if last is not None else (),
            document=request.uri,
        )
        if not review.is_looked_at:
            return Reviewed(skipped=review.skipped)
        if last is not None and last.language_id == request.language_id:
            review = carry.carry_forward(last.review, last.text, review, request.text)
        self._last[request.uri] = _Last(request.language_id, request.text, review)
        return self._judged(review, request.text, request.language_id, request.path, request.with_baseline)

    def _review_file(self, request: ReviewFile) -> Reviewed:
        data = _read(request.path)
        text = fit_text(data) if data is not None else None
        if text is None:
            return Reviewed(skipped="it cannot be read" if data is None else "binary, minified or larger than 512 KB")
        language_id = language_of(request.path)
        review = self._reviewer.review(text, language_id, request.path, takes_longer=True)
        if not review.is_looked_at:
            return Reviewed(skipped=review.skipped)
        reviewed = self._judged(review, text, language_id, request.path, request.with_baseline)
        if not reviewed.findings:
            return reviewed
        lines = text.split("\n")
        places = [judged.finding.place for judged in reviewed.findings]
        places += [step.place for judged in reviewed.findings for step in judged.finding.trace if step.path is None]
        touched = {line for place in places for line in (place.line, place.end_line) if line < len(lines)}
        return msgspec.structs.replace(reviewed, lines={number: lines[number] for number in touched})

    def _judged(self, review: Review, text: str, language_id: str, path: str | None, with_baseline: bool) -> Reviewed:
        """Leave out what is ignored, and tell what is new."""
        comments, problems = parse_comments(text, self._known)
        project = self._projects.of(path) if path is not None else Project()
        kept = [
            finding
            for finding in review.findings
            if find_ignore(finding, comments, project.entries, project.path) is None
        ]
        # HEAD is asked about few files: most have nothing that could stand there already.
        older = self._older_of(path, language_id) if kept and path is not None and with_baseline else None
        shown = sorted(kept, key=lambda finding: -finding.confidence)[:MAX_FINDINGS]
        judged = tuple(Judged(_bounded(finding), baseline.is_new(finding, older)) for finding in shown)
        return Reviewed(judged, review.skipped, tuple(problems[:MAX_FINDINGS]), project.problem)

    def _older_of(self, path: str, language_id: str) -> frozenset[str] | None:
        """Return what HEAD's text of the file had, None where there is no such text."""
        blob = self._head.blob(path)
        if blob is None:
            return None
        key = blob.name, language_id
        if key not in self._older:
            text = self._head.text(path, blob)
            findings = (
                () if text is None else self._reviewer.review(text, language_id, path, takes_longer=True).findings
            )
            self._older[key] = baseline.fingerprints(findings)
            if len(self._older) > _MAX_BLOBS:
                self._older.popitem(last=False)
        self._older.move_to_end(key)
        return self._older[key]

    def _find_ignores(self, request: FindIgnores) -> Ignores:
        lines = request.text.split("\n")
        if request.line >= len(lines):
            return Ignores()
        rule, language_id, ending = request.rule, request.language_id, request.ending
        line, file = (
            first_comment(candidates, request.text, language_id)
            for candidates in (
                ignoring.on_line(lines, request.line, rule, language_id, ending),
                ignoring.in_file(lines, rule, language_id, ending),
            )
        )
        project = self._projects.file_of(request.path, request.folders) if request.path is not None else None
        if project is None:
            return Ignores(line, file)
        text = self._projects.text(project)
        added = ignoring.in_project(text or "", rule, "\r\n" if "\r\n" in (text or "") else "\n")
        return Ignores(line, file, str(project), text, added)


def _bounded(finding: Finding) -> Finding:
    """Return `finding`, its way no longer than a person follows."""
    return finding if len(finding.trace) <= 20 else replace(finding, trace=(*finding.trace[:10], *finding.trace[-10:]))


def _read(path: str) -> bytes | None:
    """Return the first bytes of a plain file, one more than are reviewed; None where there is none that can be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        if not S_ISREG(os.fstat(fd).st_mode):
            return None
        with os.fdopen(fd, "rb", closefd=False) as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
