"""The review process, `python -P -m lsp_server.review_process.child`: texts in, findings out.

Invariants: it writes nothing, and reads nothing but the files it is asked for, the projects' files and, through git,
HEAD; it ends when its stdin does, which is when the language server is gone, however it went, and a request that holds
it too long to notice that ends it as well.
"""

import logging
import os
import signal
import sys
from contextlib import suppress

import msgspec

from lsp_server.context.parsing import read_frame, write_frame
from lsp_server.logs import place_of
from lsp_server.review import rulebook
from lsp_server.review_process.desk import Desk
from lsp_server.review_process.messages import GREETING, LIMIT_S, Answer, Request, Reviewed
from lsp_server.review_process.whole import WholeReviewer

_NICENESS = 5
_LONGEST_S = 30
"""Whoever asked has long given up: so long a request lasts only if nobody is left to end this process."""


def serve(reviewer: WholeReviewer) -> None:
    """Answer until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal it shares with its parent, which ends it
    with suppress(OSError):
        os.nice(_NICENESS)
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
    answers = msgspec.msgpack.Encoder()
    desk, troubles = Desk(rulebook.load(), reviewer), _Troubles()
    logging.getLogger().addHandler(troubles)
    with suppress(BrokenPipeError):
        write_frame(stdout, GREETING)
        while (frame := read_frame(stdin)) is not None:
            # Neither is caught: they end the process even inside a parse.
            signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
            signal.alarm(_LONGEST_S)
            answer = _answer(desk, requests.decode(frame), troubles)
            signal.alarm(0)
            signal.setitimer(signal.ITIMER_PROF, 0)
            write_frame(stdout, answers.encode(answer))
    # What is left in the buffer of a broken pipe would be written, and complained about, when the process ends.
    with suppress(BrokenPipeError):
        stdout.close()


class _Troubles(logging.Handler):
    """Keeps what is logged, without any words of a text, until it is taken along by an answer."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.kept.append(f"{record.getMessage()} ({place_of(error)})" if error else record.getMessage())


def _answer(desk: Desk, request: Request, troubles: _Troubles) -> Answer:
    try:
        answer = desk.answer(request)
    except Exception as error:  # one text must not end the review of all others
        answer = Reviewed(skipped=f"the review failed inside: {place_of(error)}")
    if troubles.kept and isinstance(answer, Reviewed):
        answer = msgspec.structs.replace(answer, troubles=tuple(troubles.kept))
        troubles.kept.clear()
    return answer


if __name__ == "__main__":
    serve(WholeReviewer(rulebook.load()))
