"""What the parsing process keeps of the files it parsed last, so that a changed line costs what changed.

Invariant: whoever parses with it gets what he gets without it, to the letter. So only a tree without errors is built
upon, and only one without errors is taken that was: how a parser mends a broken text depends on what it knew before.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import tree_sitter

from lsp_server.context.chunks import Chunk
from lsp_server.context.frequencies import slots_of
from lsp_server.context.records import ChunkRow, hash_of
from lsp_server.context.terms import terms_of_words, words_of

MAX_FILES = 64
MAX_CHARS = 1024 * 1024
"""Of the texts of the files together, without the last one; their trees are ten to twenty times as large."""


class Piece(NamedTuple):
    """A chunk, ready for the index. words: the `terms.words_of` it."""

    words: set[str]
    row: ChunkRow


class KeptFile:
    """What is kept of one file, at first nothing."""

    def __init__(self) -> None:
        self._text = b""
        self._tree: tree_sitter.Tree | None = None
        self._pieces: dict[str, Piece] = {}

    @property
    def n_chars(self) -> int:
        """How long its text is."""
        return max(len(self._text), sum(map(len, self._pieces)))

    def tree_of(self, text: bytes, grammar: tree_sitter.Language) -> tree_sitter.Tree:
        """Parse `text`, UTF-8, from the tree of what the file was before where there is one."""
        parser = tree_sitter.Parser(grammar)
        tree = None
        if self._tree is not None:
            before = self._tree.copy()
            edit(before, self._text, text)
            tree = parser.parse(text, before)
        if tree is None or tree.root_node.has_error:
            tree = parser.parse(text)
        if not tree.root_node.has_error:
            self._text, self._tree = text, tree
        return tree

    def pieces_of(self, path: str, chunks: Sequence[Chunk]) -> list[Piece]:
        """Return `chunks` of the file `path` ready for the index; those it had before are not looked at again."""
        before = self._pieces
        pieces = [_moved(before.get(chunk.text), chunk) or _piece(path, chunk) for chunk in chunks]
        self._pieces = {piece.row.text: piece for piece in pieces}
        return pieces


class KeptFiles:
    """The files that were parsed last, at most MAX_FILES."""

    def __init__(self) -> None:
        self._files: OrderedDict[tuple[str, str], KeptFile] = OrderedDict()

    def take(self, folder: str, path: str) -> KeptFile:
        """Take out what is kept of a file, until it is put back."""
        return self._files.pop((folder, path), None) or KeptFile()

    def put(self, folder: str, path: str, file: KeptFile) -> None:
        """Keep `file` for longer than all others."""
        n_chars = sum(each.n_chars for each in self._files.values())
        while len(self._files) >= MAX_FILES or n_chars > MAX_CHARS:
            _, oldest = self._files.popitem(last=False)
            n_chars -= oldest.n_chars
        self._files[folder, path] = file


def edit(tree: tree_sitter.Tree, old: bytes, new: bytes) -> None:
    """Tell `tree`, of `old`, in which one place `new` differs from it, on borders of characters."""
    start = _n_common(old, new, from_end=False)
    while start and (_is_inside(old, start) or _is_inside(new, start)):
        start -= 1
    n_same = min(_n_common(old, new, from_end=True), len(old) - start, len(new) - start)
    while n_same and _is_inside(old, len(old) - n_same):
        n_same -= 1
    old_end, new_end = len(old) - n_same, len(new) - n_same
    tree.edit(start, old_end, new_end, _point(old, start), _point(old, old_end), _point(new, new_end))


def _n_common(one: bytes, two: bytes, *, from_end: bool) -> int:
    """Return how many bytes two texts begin with, or end in, alike; by halves, as comparing is quick."""
    low, high = 0, min(len(one), len(two))
    while low < high:
        middle = (low + high + 1) // 2
        if from_end:
            is_same = one[len(one) - middle : len(one) - low] == two[len(two) - middle : len(two) - low]
        else:
            is_same = one[low:middle] == two[low:middle]
        low, high = (middle, high) if is_same else (low, middle - 1)
    return low


def _is_inside(text: bytes, place: int) -> bool:
    """Tell whether a character of UTF-8 goes on at `place`."""
    return place < len(text) and text[place] & 0xC0 == 0x80


def _point(text: bytes, place: int) -> tuple[int, int]:
    return text.count(b"\n", 0, place), place - text.rfind(b"\n", 0, place) - 1


def _piece(path: str, chunk: Chunk) -> Piece:
    words = words_of(chunk.text)
    terms = terms_of_words(words)
    row = ChunkRow(chunk.first_line, hash_of(path, chunk.text), chunk.text, " ".join(terms), slots_of(terms))
    return Piece(words, row)


def _moved(piece: Piece | None, chunk: Chunk) -> Piece | None:
    if piece is None or piece.row.first_line == chunk.first_line:
        return piece
    return Piece(piece.words, piece.row._replace(first_line=chunk.first_line))
