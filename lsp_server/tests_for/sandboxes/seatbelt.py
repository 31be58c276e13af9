"""A run under macOS's `sandbox-exec`: a profile that allows little, by path.

Written by the profiles that macOS ships and by what other programs ask of it; not run on a Mac here. The tests that
hold the other sandboxes to their word are the same for this one. What it does not hold: names, sizes and times of
files anywhere can be asked for; processes are counted together with all others of this user, and memory only by
looking; and a process that forks twice within one look, in a session of its own, is not found at the end, and stays
confined until its CPU time is over.
"""

import os

from .child import Child, Streams, fork, limit_processes
from .order import Order
from .processes_macos import count_of_user

_SYSTEM = ("/usr", "/bin", "/sbin", "/System", "/Library/Apple", "/Library/Developer", "/Library/Frameworks")
_PACKAGES = ("/opt/homebrew", "/opt/local", "/nix/store")
_FILES = ("/private/etc/localtime", "/private/etc/ssl/openssl.cnf")
_DATABASES = ("/private/var/db/dyld", "/private/var/db/timezone")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


def profile(order: Order) -> str:
    """Write the profile of a run, in the sandbox's own language, where the last rule that fits holds."""
    shared = [os.path.realpath(place) for place in (*order.readable, order.workspace)]
    readable = " ".join([_below(path) for path in (*_SYSTEM, *_PACKAGES, *_DATABASES, *shared)])
    files = " ".join(_exactly(path) for path in (*_FILES, *_DEVICES))
    scratch = _below(os.path.realpath(order.scratch))
    return f"""(version 1)
(deny default)
(allow process-fork)
(allow process-exec file-map-executable {readable} {scratch})
(allow process-info* signal (target same-sandbox))
(allow sysctl-read)
(allow ipc-posix-sem)
(allow file-read-metadata)
(allow file-read-data {_exactly("/")})
(allow file-read* {readable} {files} {scratch})
(allow file-write-data {_exactly("/dev/null")})
(allow file-write* {scratch})
(deny file-link network*)
"""


def start(order: Order, streams: Streams) -> Child:
    """Start the command of `order`. Raises NotStarted."""

    def confine() -> None:
        limit_processes(count_of_user() + order.limits.n_processes)
        os.chdir(order.cwd)

    child = fork(
        order.limits, streams, [order.program, "-p", profile(order), *order.command], order.environment, confine
    )
    child.check()
    return child


def _below(path: str) -> str:
    return f"(subpath {_quoted(path)})"


def _exactly(path: str) -> str:
    return f"(literal {_quoted(path)})"


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
