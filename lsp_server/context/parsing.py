"""The parsing process, `python -P -m lsp_server.context.parsing`: paths in, chunks and symbols out.

Its own process because a parse holds the interpreter lock: a large file would stop the language server's event loop for
a quarter of a second. Invariant: it touches nothing but the files it is asked for, and ends when its stdin does, which
is when the language server is gone, however it went.

The pipe: 4 bytes of length, big-endian, then MessagePack. First a greeting; then per Request an Answer, in order.
"""

import gc
import os
import signal
import sys
from contextlib import suppress
from stat import S_ISREG
from typing import IO, NamedTuple

import msgspec

from lsp_server.context.chunks import MAX_CHARS, cut
from lsp_server.context.files import MAX_FILE_BYTES, UNSAVED, Stamp, fit_text
from lsp_server.context.kept import KeptFile, KeptFiles
from lsp_server.context.records import ParsedFile, SymbolRow, hash_of
from lsp_server.context.secrets import has_secret
from lsp_server.context.symbols import Outline, outline
from lsp_server.grammars import grammar_of
from lsp_server.languages import language_of

GREETING = b"hearthline parsing"
_NICENESS = 5


class Request(NamedTuple):
    """Parse the file at `path`, relative to `folder`; if `text` is given, that instead of what it holds on disk.

    keeps: the file is likely to come again soon, with little changed.
    """

    folder: str
    path: str
    text: str | None = None
    keeps: bool = False


class Answer(NamedTuple):
    """The file; None if there is none that can be read. One that is unfit or holds a secret has no chunks."""

    file: ParsedFile | None


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Return the next message; None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    length = int.from_bytes(head, "big")
    body = stream.read(length)
    return body if len(body) == length else None


def write_frame(stream: IO[bytes], body: bytes) -> None:
    """Write one message."""
    stream.write(len(body).to_bytes(4, "big") + body)
    stream.flush()


def parse(request: Request, files: KeptFiles) -> Answer:
    """Read and parse one file. files: what is known of those that came before."""
    read = _read(request)
    if read is None:
        return Answer(None)
    if not request.keeps:
        return Answer(parse_data(request.path, *read))
    kept = files.take(request.folder, request.path)
    file = parse_data(request.path, *read, kept)
    if file.chunks:  # of what holds a secret nothing is kept here either
        files.put(request.folder, request.path, kept)
    return Answer(file)


def _read(request: Request) -> tuple[Stamp, bytes] | None:
    if request.text is not None:
        return UNSAVED, request.text.encode(errors="replace")
    try:
        fd = os.open(
            os.path.join(request.folder, request.path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(fd)
        if not S_ISREG(status.st_mode):
            return None
        with os.fdopen(fd, "rb", closefd=False) as file:
            return Stamp(status.st_size, status.st_mtime_ns), file.read(MAX_FILE_BYTES + 1)
    except OSError:
        return None
    finally:
        os.close(fd)


def parse_data(path: str, stamp: Stamp, data: bytes, kept: KeptFile | None = None) -> ParsedFile:
    """Return what the index keeps of a file with the content `data`. kept: what is known of it; None: nothing."""
    text = fit_text(data)
    if text is None:
        return ParsedFile(path, stamp)
    kept = kept or KeptFile()
    found = _outline(path, text.encode(), kept)
    chunks = cut(text, found.borders or None)
    pieces = kept.pieces_of(path, chunks)
    is_whole = all(len(chunk.text) < MAX_CHARS for chunk in chunks)
    if has_secret(text, set[str]().union(*(piece.words for piece in pieces)) if is_whole else None):
        return ParsedFile(path, stamp)
    symbols = [SymbolRow(*symbol, hash_of(path, *symbol)) for symbol in found.symbols]
    return ParsedFile(path, stamp, [piece.row for piece in pieces], symbols, found.is_broken)


def _outline(path: str, text: bytes, kept: KeptFile) -> Outline:
    language_id = language_of(path)
    grammar = grammar_of(language_id)
    if grammar is None:
        return Outline([], [], is_broken=False)
    return outline(kept.tree_of(text, grammar), text, language_id)


def main() -> None:
    """Answer until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal it shares with its parent, which ends it
    with suppress(OSError):
        os.nice(_NICENESS)
    gc.disable()  # nothing here refers to itself, and looking for what does took 3 % of the time
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    requests = msgspec.msgpack.Decoder(Request)
    answers = msgspec.msgpack.Encoder()
    files = KeptFiles()
    with suppress(BrokenPipeError):
        write_frame(stdout, GREETING)
        while (frame := read_frame(stdin)) is not None:
            write_frame(stdout, answers.encode(parse(requests.decode(frame), files)))
    # What is left in the buffer of a broken pipe would be written, and complained about, when the process ends.
    with suppress(BrokenPipeError):
        stdout.close()


if __name__ == "__main__":
    main()
