"""What goes into the index of a folder and what comes out of it."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from lsp_server.context.files import Stamp


class ChunkRow(NamedTuple):
    """A chunk as it goes into the index. first_line: 0-based. digest: `hash_of` path and text.

    terms: what `terms_of` gives, apart by blanks; slots: `frequencies.slots_of` them.
    """

    first_line: int
    digest: bytes
    text: str
    terms: str
    slots: bytes


class SymbolRow(NamedTuple):
    """A symbol as it goes into the index. line: 0-based. digest: `hash_of` path and everything before it."""

    name: str
    kind: str
    line: int
    signature: str
    digest: bytes


class ParsedFile(NamedTuple):
    """A file as it goes into the index.

    is_broken: it does not parse as a whole, so that symbols it still has may be missing.
    """

    path: str
    stamp: Stamp
    chunks: Sequence[ChunkRow] = ()
    symbols: Sequence[SymbolRow] = ()
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


class Call(NamedTuple):
    """A line that calls a name. line: 0-based; text: the line; caller: the definition it stands in, empty for none."""

    path: str
    line: int
    text: str
    caller: str


def hash_of(*values: object) -> bytes:
    """Return what is kept beside a row to see whether it is as it was written."""
    return hashlib.blake2b("\0".join(map(str, values)).encode(errors="replace"), digest_size=12).digest()
