"""Where generated code may run: the strongest sandbox of this machine, or none at all.

Held by each of them: only the scratch folder can be written; of files, only the system's, the workspace and what is
named can be read, so no home; no network, not even loopback, and no socket; no other process is read, traced or sent a
signal; CPU, memory, processes, disk, output and time are limited; the environment is what is given and a few names of
ours. When `run` returns, or is cancelled, none of the run's processes is left. The sandboxes differ beyond that: see
`sandboxes`.

The command line is ours and is run without a shell; which places are readable is the caller's word and never the
repository's.
"""

import asyncio
import platform
import shutil
import subprocess
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lsp_server.errors import HearthlineError
from lsp_server.tests_for.sandboxes import landlock, seccomp
from lsp_server.tests_for.sandboxes.order import Ended, Limits, Order, Outcome

__all__ = ["Ended", "Limits", "NoSandbox", "NotRun", "Ran", "Sandbox", "each_sandbox", "find_sandbox"]

# Bare, so that it starts in some ten milliseconds: no site-packages, and nothing of the environment.
_SUPERVISOR = (
    sys.executable,
    *("-I", "-S", "-c"),
    f"import sys; sys.path.append({str(Path(__file__).parent)!r}); from sandboxes.supervisor import main; main()",
)
# Not the PATH: a folder of the workspace may stand in it.
_TRUSTED_PATH = "/usr/bin:/usr/local/bin:/bin:/run/current-system/sw/bin"
_COMMAND_PATH = "/usr/local/bin:/usr/bin:/bin"
_PRIVATE = (".aws", ".azure", ".config", ".docker", ".gnupg", ".kube", ".mozilla", ".password-store", ".ssh", "Library")
_PROBE_S = 5.0


class NoSandbox(HearthlineError):
    """Nothing on this machine can confine generated code. The message says what to install."""


class NotRun(HearthlineError):
    """The command was not started: what should be readable is not to be shared, or the sandbox could not be set up."""


@dataclass(frozen=True)
class Ran:
    """What came of a run. exit_code: None unless it ended by itself. reason: why it was ended, in a sentence, or ""."""

    exit_code: int | None
    output: str
    errors: str
    ended: Ended
    wall_s: float
    reason: str = ""


@dataclass(frozen=True)
class Sandbox:
    """One way to confine a command. name: bubblewrap, landlock or sandbox-exec; program: what is started, or ""."""

    name: str
    program: str = ""

    async def run(
        self,
        command: Sequence[str],
        *,
        workspace: Path,
        scratch: Path,
        readable: Sequence[Path] = (),
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Ran:
        """Run `command` in `cwd` (default: the workspace) and wait for its end. All paths are absolute.

        Raises NotRun. When cancelled, it returns only after the last process of the run is gone.
        """
        order = self.order(command, workspace, scratch, readable, cwd, environment or {}, limits or Limits())
        process = await asyncio.create_subprocess_exec(*_SUPERVISOR, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        assert process.stdin is not None  # noqa: S101  both were asked for
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(order.to_line())
            answer = await process.stdout.read()
        finally:
            process.stdin.close()
            await _at_its_end(process)
        return _ran(answer)

    def order(
        self,
        command: Sequence[str],
        workspace: Path,
        scratch: Path,
        readable: Sequence[Path],
        cwd: Path | None,
        environment: Mapping[str, str],
        limits: Limits,
    ) -> Order:
        """Write down a run for the supervisor. Raises NotRun."""
        for place in (workspace, scratch, *readable):
            _refuse_private(place)
        start = str(cwd or workspace)
        own = {"HOME": str(scratch), "LANG": "C.UTF-8", "PATH": _COMMAND_PATH, "PWD": start, "TMPDIR": str(scratch)}
        return Order(
            kind=self.name,
            program=self.program,
            command=tuple(command),
            workspace=str(workspace),
            scratch=str(scratch),
            readable=tuple(map(str, readable)),
            cwd=start,
            environment=own | dict(environment),
            limits=limits,
        )


@cache
def find_sandbox() -> Sandbox:
    """Return the strongest sandbox that works here; it is tried once, by a command that does nothing.

    Starts a process and waits for it: not on an event loop. Raises NoSandbox.
    """
    problems = []
    for sandbox, problem in each_sandbox():
        if not problem:
            return sandbox
        problems.append(f"{sandbox.name}: {problem}")
    way_out = "install bubblewrap (on Debian and Ubuntu: apt install bubblewrap)" if sys.platform == "linux" else ""
    raise NoSandbox(
        f"Generated code is not run, because nothing here can confine it ({'; '.join(problems) or platform.system()})."
        f" Way out: {way_out or 'use Linux or macOS'}."
    )


def each_sandbox() -> Iterator[tuple[Sandbox, str]]:
    """Try the sandboxes of this system, the strongest first; with each, why it cannot be used, or ""."""
    for sandbox, problem in _candidates():
        yield sandbox, problem or _problem_of(sandbox)


def _candidates() -> list[tuple[Sandbox, str]]:
    """Return what might work on this system, the strongest first, each with what is known to be missing, or ""."""
    if sys.platform == "darwin":
        program = "/usr/bin/sandbox-exec"
        return [(Sandbox("sandbox-exec", program), "" if Path(program).exists() else f"there is no {program}")]
    if sys.platform != "linux":
        return []
    unknown = "" if seccomp.is_supported() else f"not supported on {platform.machine()}"
    program = shutil.which("bwrap", path=_TRUSTED_PATH) or ""
    bubblewrap = Sandbox("bubblewrap", program)
    abi = landlock.abi()
    too_old = f"the kernel's version of it is {abi}, {landlock.NEEDED_ABI} is needed (Linux 6.12)"
    return [
        (bubblewrap, unknown or ("" if program else "not installed")),
        (Sandbox("landlock"), unknown or ("" if abi >= landlock.NEEDED_ABI else too_old)),
    ]


def _problem_of(sandbox: Sandbox) -> str:
    """Run a command that does nothing; return what went wrong, or ""."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        order = sandbox.order(["/bin/sh", "-c", ":"], scratch, scratch, (), None, {}, Limits())
        with subprocess.Popen(_SUPERVISOR, stdin=PIPE, stdout=PIPE, stderr=DEVNULL) as process:
            assert process.stdin is not None  # noqa: S101  both were asked for
            assert process.stdout is not None  # noqa: S101
            process.stdin.write(order.to_line())
            process.stdin.flush()
            answer = process.stdout.read()
    try:
        ran = _ran(answer)
    except NotRun as error:
        return str(error)
    words = ran.errors.strip().splitlines()
    return "" if ran.exit_code == 0 else ran.reason or (words[-1] if words else f"it ended with {ran.exit_code}")


async def _at_its_end(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of a supervisor whose stdin is closed, whoever cancels this meanwhile: it takes milliseconds."""

    async def end() -> None:
        assert process.stdout is not None  # noqa: S101  it was asked for
        await process.stdout.read()  # what nobody wants any more, but it waits until it is read
        await process.wait()

    ending = asyncio.ensure_future(end())
    cancelled = None
    while not ending.done():
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        raise cancelled


def _ran(answer: bytes) -> Ran:
    try:
        outcome = Outcome.from_bytes(answer)
    except (ValueError, KeyError) as error:
        raise NotRun("The sandbox gave no account of the run: its supervisor died.") from error
    output, errors = outcome.output.decode(errors="replace"), outcome.errors.decode(errors="replace")
    if outcome.ended is Ended.NOT_STARTED:
        last_words = errors.strip().splitlines()[-1:]
        raise NotRun(f"The command was not started: {': '.join([outcome.reason, *last_words])}.")
    return Ran(outcome.exit_code, output, errors, outcome.ended, outcome.wall_s, outcome.reason)


def _refuse_private(place: Path) -> None:
    """Refuse to share a home folder, what lies above it, and what is private in it. Raises NotRun."""
    real, home = place.resolve(), Path.home().resolve()
    if home == real or home.is_relative_to(real):
        raise NotRun(
            f"{place} is or holds the home folder, which generated code must not see: open a folder inside it."
        )
    if real.is_relative_to(home) and real.relative_to(home).parts[0] in _PRIVATE:
        raise NotRun(f"{place} is a private folder of the home folder, which generated code must not see.")
