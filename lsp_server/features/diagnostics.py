"""textDocument/diagnostic and textDocument/publishDiagnostics: findings as the editor shows them.

Invariant: a client that can ask for a document's diagnostics is never sent them, and the other way round; whatever a
client has of an open document, it has of its present version.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server import convert
from lsp_server.document import PositionEncoding, content_length
from lsp_server.features.reviewing import Result
from lsp_server.review.cwe import page_of
from lsp_server.review.finding import Confidence, Place, Step
from lsp_server.review_process.messages import Judged, Reviewed
from lsp_server.settings import MinConfidence

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

SOURCE = "hearthline"

_ANSWER_S = 10.0
_GATHER_S = 0.1
"""News of several documents in so short a time are one."""

_LEAST = {
    MinConfidence.HIGH: Confidence.HIGH,
    MinConfidence.MEDIUM: Confidence.MEDIUM,
    MinConfidence.LOW: Confidence.LOW,
}
_LOUD = {Confidence.HIGH: types.DiagnosticSeverity.Warning}
_QUIET = {Confidence.HIGH: types.DiagnosticSeverity.Information}
"""What stands in HEAD already is one step quieter than what is new."""


class Diagnostics:
    """Shows results to the client, each in its own way."""

    def __init__(self, server: "HearthlineServer") -> None:
        self._server = server
        self._refreshing = False

    def register(self) -> None:
        """Register the method."""
        server = self._server
        options = types.DiagnosticOptions(inter_file_dependencies=False, workspace_diagnostics=False, identifier=SOURCE)

        @server.feature(types.TEXT_DOCUMENT_DIAGNOSTIC, options)
        async def diagnostic(params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
            result = await server.reviewing.current(params.text_document.uri)
            items = [] if result is None else self.of(result)
            result_id = hashlib.sha256(repr(items).encode(errors="replace")).hexdigest()[:16]
            if result_id == params.previous_result_id:
                return types.RelatedUnchangedDocumentDiagnosticReport(result_id=result_id)
            return types.RelatedFullDocumentDiagnosticReport(items=items, result_id=result_id)

    def of(self, result: Result) -> list[types.Diagnostic]:
        """Return a document's diagnostics."""
        snapshot = result.snapshot
        return [
            *self.of_findings(result.reviewed, snapshot.lines, snapshot.encoding, snapshot.uri),
            *_of_problems(result),
        ]

    def of_findings(
        self, reviewed: Reviewed, lines: convert.Lines, encoding: PositionEncoding, uri: str
    ) -> list[types.Diagnostic]:
        """Return the diagnostics of the findings that are to be shown in the file `uri`."""
        has_related = self._server.session.capabilities.related_information
        return [
            types.Diagnostic(
                range=convert.place_range(lines, encoding, judged.finding.place),
                message=f"{judged.finding.message} [CWE-{judged.finding.cwe}]",
                severity=_severity(judged),
                code=judged.finding.rule,
                code_description=types.CodeDescription(page_of(judged.finding.cwe)),
                source=SOURCE,
                related_information=[_related(step, lines, encoding, uri) for step in judged.finding.trace]
                if has_related and judged.finding.trace
                else None,
            )
            for judged in shown(self._server, reviewed, uri)
        ]

    def close(self, uri: str) -> None:
        """Take away what a client shows of a document that goes."""
        if not self._server.session.capabilities.diagnostic_pull:
            self.publish(uri, [])

    def publish(self, uri: str, items: list[types.Diagnostic], version: int | None = None) -> None:
        """Send diagnostics. version: of the document they are for, None for a file that is not open."""
        self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, items, version))

    def show(self, result: Result) -> None:
        """Show a result in the client's own way, or let the client ask for it again."""
        capabilities = self._server.session.capabilities
        if not capabilities.diagnostic_pull:
            self.publish(result.snapshot.uri, self.of(result), result.snapshot.version)
        elif result.is_again and capabilities.diagnostic_refresh and not self._refreshing:
            self._refreshing = True
            self._server.spawn(self._refresh())

    async def _refresh(self) -> None:
        """Let the client ask again: there is news of a text that it has asked about before."""
        await asyncio.sleep(_GATHER_S)
        self._refreshing = False
        asked = self._server.protocol.send_request_async(types.WORKSPACE_DIAGNOSTIC_REFRESH, None)
        with suppress(TimeoutError, JsonRpcException):
            await asyncio.wait_for(asked, _ANSWER_S)


def shown(server: "HearthlineServer", reviewed: Reviewed, uri: str) -> Iterator[Judged]:
    """Give the findings of `uri`, after what a model said of them, that the settings let be shown."""
    settings = server.session.settings.review
    for each in reviewed.findings:
        finding = server.judging.after(uri, each.finding)
        judged = msgspec.structs.replace(each, finding=finding)
        if finding.confidence >= _LEAST[settings.min_confidence] and finding.rule not in settings.rules_off:
            yield judged


def _severity(judged: Judged) -> types.DiagnosticSeverity:
    if judged.is_new:
        return _LOUD.get(judged.finding.confidence, types.DiagnosticSeverity.Information)
    return _QUIET.get(judged.finding.confidence, types.DiagnosticSeverity.Hint)


def _related(
    step: Step, lines: convert.Lines, encoding: PositionEncoding, uri: str
) -> types.DiagnosticRelatedInformation:
    if step.path is None:
        location = types.Location(uri, convert.place_range(lines, encoding, step.place))
    else:  # the beginning of a line is the same in every encoding, and the line's text is not here
        start = types.Position(step.place.line, 0)
        location = types.Location(convert.uri_of(step.path), types.Range(start, start))
    return types.DiagnosticRelatedInformation(location, step.words)


def _of_problems(result: Result) -> Iterator[types.Diagnostic]:
    lines, encoding = result.snapshot.lines, result.snapshot.encoding
    for problem in result.reviewed.problems:
        line = min(problem.line or 0, len(lines) - 1)  # a text may end where something is missing
        place = Place(line, 0, line, content_length(lines[line]))
        yield types.Diagnostic(
            range=convert.place_range(lines, encoding, place),
            message=problem.words,
            severity=types.DiagnosticSeverity.Information,
            code="unreadable-ignore",
            source=SOURCE,
        )
