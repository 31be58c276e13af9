"""The process's own standard streams, claimed for the protocol."""

import os
import sys


def claim_stdio() -> tuple[int, int]:
    """Return private descriptors of stdin and stdout, and point the public ones elsewhere.

    Afterwards a stray `print`, a C library's message or a child process can neither write into the protocol nor take
    the client's bytes: descriptor 0 is empty and descriptor 1 is stderr. The private ones are not inherited.
    """
    stdin_fd, stdout_fd = os.dup(0), os.dup(1)
    for fd in (stdin_fd, stdout_fd):
        os.set_blocking(fd, True)  # some editors hand over pipes that are not
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # started without stderr
        os.dup2(null, 1)
        os.dup2(null, 2)
    os.close(null)
    sys.stdout = sys.stderr
    return stdin_fd, stdout_fd
