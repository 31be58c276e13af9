"""What goes into the index of a folder and what comes out of it."""

from collections.abc import Sequence
from typing import NamedTuple

from lsp_server.context.chunks import Chunk
from lsp_server.context.files import Stamp
from lsp_server.context.symbols import Symbol


class ParsedFile(NamedTuple):
    """A file as it goes into the index. terms: per chunk, what `terms_of` gives, apart by blanks.

    is_broken: it does not parse as a whole, so that symbols it still has may be missing.
    """

    path: str
    stamp: Stamp
    chunks: Sequence[Chunk]
    terms: Sequence[str]
    symbols: Sequence[Symbol]
    is_broken: bool = False


class FoundChunk(NamedTuple):
    """A chunk that a query found. first_line: 0-based. score: above 0, higher is better; compare within one query."""

    path: str
    first_line: int
    text: str
    score: float


class Definition(NamedTuple):
    """A symbol with its file. line: 0-based. text: its lines, as far as its chunk holds them."""

    path: str
    name: str
    kind: str
    line: int
    signature: str
    text: str
