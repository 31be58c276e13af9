r"""The text of open documents: a list of lines, spliced in place.

Owns the line list, its splitting and the mapping between the client's columns (UTF-8, UTF-16 or UTF-32 units) and
ours (code points, Python's own string index). Invariants: every line but the last ends in exactly one terminator
(`\n`, `\r\n` or `\r`, nothing else separates lines); the last ends in none and may be empty; no line holds half
of a surrogate pair. A change costs what it touches, not what the document holds, unless a snapshot was taken since the
last one: then the list of lines (not the lines) is copied once, ahead where somebody said `prepare_edit`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

BINARY_HEAD_CHARS = 8192
"""A NUL among the first so many characters marks a document as binary, as git does."""

_SPLIT_CHARS = 1 << 20
"""Text is split in pieces of about this size: one C call holds the interpreter lock, and so the event loop."""

_OTHER_SEPARATORS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""What `str.splitlines` takes for line ends beyond the three of LSP."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_SURROGATE = re.compile("[\ud800-\udfff]")


class PositionEncoding(StrEnum):
    """What the client counts columns in."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


DEFAULT_ENCODING = PositionEncoding.UTF16
"""What a client counts in that does not say."""


class Unfit(StrEnum):
    """Why a document that is open cannot be worked on."""

    BINARY = "binary"  # a NUL near its start
    TOO_LARGE = "tooLarge"  # larger than the transport takes; its text is not held
    OUT_OF_SYNC = "outOfSync"  # an edit was lost; a full-text change or a reopening mends it


class Position(NamedTuple):
    """A place between two characters. line: 0-based; column: 0-based, in code points."""

    line: int
    column: int


class EncodedRange(NamedTuple):
    """A range as the client sends it: 0-based lines, columns in units of the position encoding."""

    start_line: int
    start_character: int
    end_line: int
    end_character: int


class Change(NamedTuple):
    """One edit: `text` replaces `range`, or the whole document where `range` is None."""

    text: str
    range: EncodedRange | None = None


@dataclass(frozen=True, slots=True)
class DocumentSnapshot:
    """A document at one moment; it never changes.

    path: on this machine, None for documents that are not files. lines: as in the module's invariant.
    unfit: why nothing should be computed from it, or None.
    """

    uri: str
    path: str | None
    language_id: str
    version: int
    lines: Sequence[str] = field(repr=False)
    encoding: PositionEncoding
    unfit: Unfit | None = None

    @property
    def line_ending(self) -> str:
        r"""The terminator of the first line, `\n` where there is only one line."""
        first = self.lines[0]
        return first[content_length(first) :] or "\n"

    def with_text(self, position: Position, text: str) -> "tuple[DocumentSnapshot, Position]":
        """Return the document as it would be with `text` written at `position`, and the place behind it."""
        line = self.lines[position.line]
        joined = line[: position.column] + text + line[position.column :]
        pieces = split_lines(joined)
        if position.line + 1 < len(self.lines):
            pieces.pop()  # as in Document: the line's own terminator ends the last piece
        lines = [*self.lines[: position.line], *pieces, *self.lines[position.line + 1 :]]
        written = split_lines(line[: position.column] + text)
        behind = Position(position.line + len(written) - 1, len(written[-1]))
        return replace(self, lines=lines), behind

    def text_before(self, position: Position, max_chars: int) -> str:
        """Return the last `max_chars` characters in front of `position`; only the lines they lie in are read."""
        pieces = [self.lines[position.line][: position.column]]
        missing = max_chars - len(pieces[0])
        line = position.line
        while missing > 0 and line > 0:
            line -= 1
            pieces.append(self.lines[line])
            missing -= len(self.lines[line])
        pieces.reverse()
        text = "".join(pieces)
        return text[-max_chars:] if max_chars > 0 else ""

    def text_after(self, position: Position, max_chars: int) -> str:
        """Return the first `max_chars` characters behind `position`; only the lines they lie in are read."""
        pieces = [self.lines[position.line][position.column :]]
        missing = max_chars - len(pieces[0])
        line = position.line
        while missing > 0 and line + 1 < len(self.lines):
            line += 1
            pieces.append(self.lines[line])
            missing -= len(self.lines[line])
        return "".join(pieces)[: max(max_chars, 0)]


class Document:
    """One open document. Changes arrive in order; `snapshot()` is what everything else works on."""

    def __init__(
        self,
        uri: str,
        text: str,
        *,
        version: int,
        language_id: str = "",
        path: str | None = None,
        encoding: PositionEncoding = DEFAULT_ENCODING,
        unfit: Unfit | None = None,
    ) -> None:
        self.uri = uri
        self.path = path
        self.language_id = language_id
        self.version = version
        self.encoding = encoding
        self.unfit: Unfit | None = None
        self._lines: list[str] = []
        self._spare: list[str] | None = None  # a copy of them
        self._retired: list[str] | None = None  # those of an older snapshot, kept so that no edit has to free them
        self._snapshot: DocumentSnapshot | None = None
        self._replace_all(text)
        self.unfit = unfit or self.unfit

    def apply(self, changes: Iterable[Change], version: int) -> None:
        """Apply `changes` one after the other; positions of each refer to the text the ones before left.

        An edit without a range makes a document fit that was out of sync or too large. Before that, edits with one
        are not applied: their positions mean nothing here.
        """
        if self._snapshot is not None:
            self._retired = self._lines
            self._lines, self._spare = self._spare or self._lines.copy(), None
            self._snapshot = None
        self.version = version
        for change in changes:
            if change.range is None:
                self._replace_all(change.text)
            elif self.unfit is None or self.unfit is Unfit.BINARY:
                self._splice(change.range, _whole_characters(change.text))

    def prepare_edit(self) -> None:
        """Copy the list of lines for the next edit, where that will need it: while nobody waits, it costs nobody."""
        self._retired = None
        if self._snapshot is not None and self._spare is None:
            self._spare = self._lines.copy()

    def mark_out_of_sync(self) -> None:
        """Note that an edit was lost, so that the text here is no longer the editor's."""
        self._snapshot = None  # the lines stay shared with it, and stay as they are until all are replaced
        if self.unfit is not Unfit.TOO_LARGE:
            self.unfit = Unfit.OUT_OF_SYNC

    def copy(self) -> "Document":
        """Return an independent document with the same text."""
        other = Document(
            self.uri,
            "",
            version=self.version,
            language_id=self.language_id,
            path=self.path,
            encoding=self.encoding,
        )
        other._lines = self._lines.copy()
        other.unfit = self.unfit
        return other

    def snapshot(self) -> DocumentSnapshot:
        """Return the document as it is now; the same object until the next change."""
        if self._snapshot is None:
            self._snapshot = DocumentSnapshot(
                self.uri, self.path, self.language_id, self.version, self._lines, self.encoding, self.unfit
            )
        return self._snapshot

    def is_current(self, snapshot: DocumentSnapshot) -> bool:
        """Tell whether nothing changed since `snapshot` was taken of this very document."""
        return self._snapshot is snapshot

    def _replace_all(self, text: str) -> None:
        self._lines, self._spare = split_lines(text), None
        self.unfit = Unfit.BINARY if self._head_has_nul() else None

    def _splice(self, where: EncodedRange, text: str) -> None:
        start = self._position(where.start_line, where.start_character)
        end = self._position(where.end_line, where.end_character)
        if end < start:
            start, end = end, start
        lines = self._lines
        joined = lines[start.line][: start.column] + text + lines[end.line][end.column :]
        begin = start.line
        if begin > 0 and joined.startswith("\n") and lines[begin - 1].endswith("\r"):
            begin -= 1
            joined = lines[begin] + joined
        if begin == end.line and "\n" not in text and "\r" not in text:
            lines[begin] = joined
        else:
            replacement = split_lines(joined)
            if end.line + 1 < len(lines):
                replacement.pop()  # `joined` ends in the terminator of its last line: nothing stands behind it
            lines[begin : end.line + 1] = replacement
        if self.unfit is Unfit.BINARY or "\0" in text:
            self.unfit = Unfit.BINARY if self._head_has_nul() else None

    def _position(self, line: int, character: int) -> Position:
        if line >= len(self._lines):
            last = len(self._lines) - 1
            return Position(last, len(self._lines[last]))
        return Position(line, column_of(self._lines[line], character, self.encoding))

    def _head_has_nul(self) -> bool:
        missing = BINARY_HEAD_CHARS
        for line in self._lines:
            if "\0" in line[:missing]:
                return True
            missing -= len(line)
            if missing <= 0:
                break
        return False


def split_lines(text: str) -> list[str]:
    """Split `text` as LSP does, each line with its terminator; the last has none and may be empty."""
    lines: list[str] = []
    begin = 0
    while len(text) - begin > _SPLIT_CHARS:
        end = text.find("\n", begin + _SPLIT_CHARS) + 1
        if end == 0:
            break
        lines += _split_piece(text[begin:end])
        begin = end
    lines += _split_piece(text[begin:] if begin else text)
    if not lines or lines[-1][-1] in "\r\n":
        lines.append("")
    return lines


def _split_piece(text: str) -> list[str]:
    text = _whole_characters(text)
    if any(separator in text for separator in _OTHER_SEPARATORS):
        return _LINE.findall(text)
    return text.splitlines(keepends=True)


def _whole_characters(text: str) -> str:
    """Replace halves of surrogate pairs, which no text can hold, by U+FFFD; as wide in every encoding."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def content_length(line: str) -> int:
    """Return the length of `line` without its terminator, in code points."""
    if line.endswith("\r\n"):
        return len(line) - 2
    return len(line) - 1 if line.endswith(("\n", "\r")) else len(line)


def column_of(line: str, character: int, encoding: PositionEncoding) -> int:
    """Return the column of the client's `character` in `line`.

    Past the end of the line means its end, before the terminator; inside a character means in front of it.
    """
    length = content_length(line)
    if encoding is PositionEncoding.UTF32 or line.isascii():
        return min(character, length)
    if encoding is PositionEncoding.UTF8:
        return min(length, len(line[:character].encode()[:character].decode(errors="ignore")))
    units = line[:character].encode("utf-16-le")[: 2 * character]
    return min(length, len(units.decode("utf-16-le", errors="ignore")))


def character_of(line: str, column: int, encoding: PositionEncoding) -> int:
    """Return what the client calls `column` of `line`."""
    if encoding is PositionEncoding.UTF32 or line.isascii():
        return column
    if encoding is PositionEncoding.UTF8:
        return len(line[:column].encode())
    return len(line[:column].encode("utf-16-le")) // 2
