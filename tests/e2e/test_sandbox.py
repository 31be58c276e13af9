"""The sandboxes of this machine, each against programs that try to get out, and that take what they can get.

Every attack is also made without a sandbox, where it succeeds: otherwise its failure in one would say nothing.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from lsp_server.tests_for import sandboxes
from lsp_server.tests_for.sandbox import Ended, Limits, Ran, Sandbox, each_sandbox
from lsp_server.tests_for.sandboxes.order import Order, Outcome
from tests import sandbox_attacks
from tests.sandbox_attacks import MEDDLING, NAMESPACES, REACHING, READING, WRITING

pytestmark = [pytest.mark.anyio, pytest.mark.machine]

PYTHON = (os.path.realpath(sys.executable), "-I", "-S")
INTERPRETER = Path(sys.base_prefix)
LIMITS = Limits(wall_s=15, cpu_s=5, memory_bytes=256 << 20, n_processes=16, output_bytes=20_000, scratch_bytes=16 << 20)
_TARGET = """
import ctypes, time
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # anyone may trace this process
buffer = ctypes.create_string_buffer(b"secret!")
print(ctypes.addressof(buffer), flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="session")
def tried() -> dict[str, tuple[Sandbox, str]]:
    """Each sandbox of this system, and why it cannot be used here, or ""."""
    return {sandbox.name: (sandbox, problem) for sandbox, problem in each_sandbox()}


@pytest.fixture(params=["bubblewrap", "landlock", "sandbox-exec"])
def sandbox(request: pytest.FixtureRequest, tried: dict[str, tuple[Sandbox, str]]) -> Sandbox:
    """Each sandbox that can be used here."""
    name: str = request.param
    sandbox, problem = tried.get(name, (None, "not of this system"))
    if sandbox is None or problem:
        pytest.skip(f"{name}: {problem}")
    return sandbox


@dataclass
class World:
    """What the attacks aim at. received: what came in at any of the sockets."""

    workspace: Path
    scratch: Path
    outside: Path
    environment: dict[str, str]
    received: list[bytes] = field(default_factory=list)

    async def run(self, sandbox: Sandbox, code: str, limits: Limits = LIMITS) -> Ran:
        """Run Python code in `sandbox`."""
        return await sandbox.run(
            [*PYTHON, "-c", code],
            workspace=self.workspace,
            scratch=self.scratch,
            readable=[INTERPRETER],
            cwd=self.scratch,
            environment=self.environment,
            limits=limits,
        )

    def run_unconfined(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run Python code as anybody may."""
        environment = {**os.environ, **self.environment}
        command = [*PYTHON, "-c", code]
        return subprocess.run(
            command, cwd=self.scratch, env=environment, capture_output=True, text=True, timeout=30, check=False
        )

    def tree(self) -> dict[str, object]:
        """Return all that can be seen of the workspace and of outside."""
        seen: dict[str, object] = {}
        for path in (*self.workspace.rglob("*"), *self.outside.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            seen[str(path)] = (status.st_mode, status.st_mtime_ns, status.st_nlink, content)
        return seen


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A workspace, a scratch folder, what lies outside, and listeners, none of which may hear anything."""
    folders = [tmp_path / name for name in ("workspace", "scratch", "outside")]
    for folder in folders:
        folder.mkdir()
    workspace, scratch, outside = folders
    (outside / "secret.txt").write_text("secret")
    (workspace / "module.py").write_text("x = 1\n")
    (workspace / "way_out").symlink_to(outside)
    abstract = f"hearthline-{os.getpid()}-{tmp_path.name}"
    with ExitStack() as stack:
        target = subprocess.Popen([*PYTHON, "-c", _TARGET], stdout=subprocess.PIPE, text=True, cwd=outside)
        stack.enter_context(target)
        stack.callback(target.kill)
        assert target.stdout is not None
        libc = ctypes.CDLL(None)
        shared = libc.shmget(0, 4096, 0o1600)
        stack.callback(libc.shmctl, shared, 0, None)  # IPC_RMID
        environment = {
            "OUTSIDE": str(outside),
            "WORKSPACE": str(workspace),
            "ABSTRACT": abstract,
            "PID": str(target.pid),
            "SHARED": str(shared),
            "ADDRESS": target.stdout.readline().strip(),
        }
        world = World(workspace, scratch, outside, environment)
        port = _listen(stack, world, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        _listen(stack, world, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port))
        environment["PORT"] = str(port)
        for name in (f"{outside}/stream", f"{workspace}/stream", f"\0{abstract}"):
            _listen(stack, world, socket.AF_UNIX, socket.SOCK_STREAM, name)
        for folder in (outside, workspace):
            _listen(stack, world, socket.AF_UNIX, socket.SOCK_DGRAM, f"{folder}/datagrams")
        yield world


def _listen(stack: ExitStack, world: World, family: int, kind: int, name: tuple[str, int] | str) -> int:
    """Take in whatever comes until the test is over; return the port."""
    listener = stack.enter_context(socket.socket(family, kind))
    listener.bind(name)
    if kind == socket.SOCK_STREAM:
        listener.listen()

    def receive() -> None:
        while True:
            try:
                if kind == socket.SOCK_STREAM:
                    with listener.accept()[0] as connection:
                        received = connection.recv(16)
                else:
                    received = listener.recv(16)
            except OSError:
                return
            if received == b"end":
                return
            world.received.append(received)

    def end() -> None:
        with socket.socket(family, kind) as own:
            own.connect(listener.getsockname())
            own.send(b"end")
        thread.join()

    thread = threading.Thread(target=receive)
    thread.start()
    stack.callback(end)
    return int(listener.getsockname()[1]) if family == socket.AF_INET else 0


async def test_a_command_runs_where_it_is_told_and_sees_nothing_of_our_environment(
    sandbox: Sandbox, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")
    code = """
import os, socket, sys
assert open(os.environ["WORKSPACE"] + "/module.py").read() == "x = 1\\n"
open("made", "w").write("y")
print(sorted(os.environ), os.getcwd(), repr(sys.stdin.read()))
print("wörds", file=sys.stderr)
a, b = socket.socketpair()
a.send(b"between two ends")
assert b.recv(20) == b"between two ends"
sys.exit(3)
"""
    ran = await world.run(sandbox, code)
    names = sorted([*world.environment, "HOME", "LANG", "PATH", "PWD", "TMPDIR"])
    assert (ran.exit_code, ran.ended, ran.errors) == (3, Ended.EXITED, "wörds\n")
    assert ran.output == f"{names} {world.scratch} ''\n"
    assert (world.scratch / "made").read_text() == "y"


async def test_nothing_outside_is_read(sandbox: Sandbox, world: World) -> None:
    ran = await world.run(sandbox, sandbox_attacks.program(READING))
    assert (ran.ended, ran.output) == (Ended.EXITED, "done\n"), ran


async def test_nothing_but_the_scratch_is_written(sandbox: Sandbox, world: World) -> None:
    before = world.tree()
    ran = await world.run(sandbox, sandbox_attacks.program(WRITING))
    assert (ran.ended, ran.output[-5:]) == (Ended.EXITED, "done\n"), ran
    assert world.tree() == before, ran


async def test_nobody_is_reached(sandbox: Sandbox, world: World) -> None:
    ran = await world.run(sandbox, sandbox_attacks.program(REACHING))
    assert (ran.ended, ran.output) == (Ended.EXITED, "done\n"), ran
    assert world.received == []


async def test_other_processes_and_namespaces_are_left_alone(sandbox: Sandbox, world: World) -> None:
    ran = await world.run(sandbox, sandbox_attacks.program(MEDDLING | NAMESPACES))
    assert (ran.ended, ran.output) == (Ended.EXITED, "done\n"), ran


@pytest.mark.skipif(sys.platform != "linux", reason="some of the attacks are Linux's own")
@pytest.mark.parametrize("attacks", [READING, REACHING, MEDDLING], ids=["reading", "reaching", "meddling"])
def test_without_a_sandbox_they_get_through(world: World, attacks: dict[str, str]) -> None:
    if os.geteuid() != 0:
        attacks = {name: attack for name, attack in attacks.items() if name != "a raw packet"}  # which is root's
    for name, attack in attacks.items():
        done = world.run_unconfined(sandbox_attacks.program({name: attack}))
        assert done.stdout.splitlines() == [name, "done"], done.stderr
        shutil.rmtree(world.scratch)
        world.scratch.mkdir()


@pytest.mark.skipif(sys.platform != "linux", reason="some of the attacks are Linux's own")
def test_without_a_sandbox_each_changes_something(world: World) -> None:
    for name, attack in WRITING.items():
        (world.workspace / "module.py").write_text("x = 1\n")
        (world.workspace / "module.py").chmod(0o600)
        shutil.rmtree(world.scratch)
        world.scratch.mkdir()
        before = world.tree()
        done = world.run_unconfined(sandbox_attacks.program({name: attack}))
        assert done.stdout.splitlines() == [name, "done"], done.stderr
        assert world.tree() != before, name
        (world.outside / "new.txt").unlink(missing_ok=True)


_FORKS = """
import os, time
n = 0
while n < 200:
    try:
        if os.fork() == 0:
            time.sleep(60)
    except OSError:
        break
    n += 1
print(n)
"""
_BOMB = "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass\n"
_THREADS = """
import threading, time
threading.stack_size(64 << 10)  # so that it is not memory that ends it
n = 0
try:
    while n < 200:
        threading.Thread(target=time.sleep, args=[60], daemon=True).start()
        n += 1
except RuntimeError:
    pass
print(n, flush=True)
__import__("os")._exit(0)
"""


@pytest.mark.parametrize("code", [_FORKS, _THREADS], ids=["processes", "threads"])
async def test_there_are_no_more_processes_than_allowed(sandbox: Sandbox, world: World, code: str) -> None:
    ran = await world.run(sandbox, code)
    # Under Landlock others of this user's may end meanwhile, which makes room; nobody's, under root, are none.
    assert 1 <= int(ran.output) <= LIMITS.n_processes + 16, ran


async def test_a_fork_bomb_ends_with_its_time(sandbox: Sandbox, world: World) -> None:
    ran = await world.run(sandbox, _BOMB + f"# {world.scratch}", Limits(wall_s=1, n_processes=16))
    assert ran.ended is Ended.TIMEOUT
    assert _processes_of(world) == []


_GIGABYTES = 10 << 30
_ALLOCATE = f"bytearray({_GIGABYTES})"
_GROW = "kept = []\nwhile True: kept.append(b'x' * (1 << 20))"
_SHARED = f"import mmap\nm = mmap.mmap(-1, {_GIGABYTES})\nfor i in range(0, {_GIGABYTES}, 4096): m[i] = 1"
_TOGETHER = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        kept = bytearray(b"x" * (100 << 20))
        time.sleep(60)
time.sleep(60)
"""


@pytest.mark.parametrize("code", [_ALLOCATE, _GROW], ids=["at once", "bit by bit"])
async def test_one_process_gets_no_more_memory_than_allowed(sandbox: Sandbox, world: World, code: str) -> None:
    ran = await world.run(sandbox, code)
    assert (ran.ended is Ended.KILLED and "memory" in ran.reason) or (
        ran.exit_code == 1 and "MemoryError" in ran.errors
    )


@pytest.mark.parametrize("code", [_SHARED, _TOGETHER], ids=["shared", "by several"])
async def test_a_run_that_takes_too_much_memory_in_all_is_ended(sandbox: Sandbox, world: World, code: str) -> None:
    ran = await world.run(sandbox, code)
    assert (ran.ended, ran.exit_code) == (Ended.KILLED, None)
    assert ran.reason == "it took more than 268 MB of memory"


_LOOP = "while True: pass"
_STUBBORN = f"import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n{_LOOP}"


@pytest.mark.parametrize("code", [_LOOP, _STUBBORN], ids=["endless", "and ignoring its end"])
async def test_an_endless_loop_ends_with_its_cpu_time(sandbox: Sandbox, world: World, code: str) -> None:
    ran = await world.run(sandbox, code, Limits(wall_s=250, cpu_s=1))
    assert (ran.ended, ran.reason) == (Ended.TIMEOUT, "it computed for 1 s")


async def test_a_command_that_waits_ends_with_its_time(sandbox: Sandbox, world: World) -> None:
    ran = await world.run(sandbox, "print('here', flush=True); __import__('time').sleep(100_000)", Limits(wall_s=0.5))
    assert (ran.ended, ran.reason, ran.output) == (Ended.TIMEOUT, "it was not done after 0.5 s", "here\n")


_ONE_FILE = """
with open("large", "wb") as file:
    while True: file.write(bytes(1 << 20))
"""
_MANY_FILES = """
import time
for i in range(64):
    open(str(i), "wb").write(bytes(1 << 20))
time.sleep(60)
"""
_EMPTY_FILES = """
import time
for i in range(6000): open(str(i), "w").close()
time.sleep(60)
"""
_NAMELESS_FILES = """
import os, time
kept = []
for i in range(64):
    kept.append(open("x", "wb"))
    kept[-1].write(bytes(1 << 20))
    kept[-1].flush()
    os.unlink("x")
time.sleep(60)
"""


async def test_one_file_grows_no_larger_than_the_scratch(sandbox: Sandbox, world: World) -> None:
    ran = await world.run(sandbox, _ONE_FILE)
    assert ran.ended is Ended.KILLED or (ran.exit_code == 1 and "File too large" in ran.errors)
    assert (world.scratch / "large").stat().st_size <= LIMITS.scratch_bytes


@pytest.mark.parametrize("code", [_MANY_FILES, _EMPTY_FILES, _NAMELESS_FILES], ids=["many", "empty", "nameless"])
async def test_a_run_that_fills_the_disk_is_ended(sandbox: Sandbox, world: World, code: str) -> None:
    ran = await world.run(sandbox, code)
    assert (ran.ended, ran.reason) == (Ended.KILLED, "it wrote more than 17 MB of files")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_flood_of_output_is_cut_and_ended(sandbox: Sandbox, world: World, stream: str) -> None:
    ran = await world.run(sandbox, f"import sys\nwhile True: sys.{stream}.write('x' * 1000)")
    text = ran.output if stream == "stdout" else ran.errors
    assert (ran.ended, ran.reason) == (Ended.TOO_MUCH_OUTPUT, "it wrote more than 20,000 bytes")
    assert text == "x" * LIMITS.output_bytes


async def test_output_that_is_no_text_is_shown_as_far_as_it_goes(sandbox: Sandbox, world: World) -> None:
    ran = await world.run(sandbox, "import sys; sys.stdout.buffer.write(b'a\\xffb')")
    assert (ran.exit_code, ran.output) == (0, "a\ufffdb")


_DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3): os.close(fd)
        open("alive", "w").close()
        time.sleep(60)
    os._exit(0)
while not os.path.exists("alive"): time.sleep(0.01)
"""


async def test_what_goes_into_the_background_ends_with_the_run(sandbox: Sandbox, world: World) -> None:
    ran = await world.run(sandbox, _DAEMON + f"# {world.scratch}")
    assert ran.exit_code == 0, ran
    assert _processes_of(world) == []


async def test_cancelling_ends_all_processes(sandbox: Sandbox, world: World) -> None:
    code = _DAEMON + f"time.sleep(100_000)  # {world.scratch}"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.run, sandbox, code)
        await _until(lambda: (world.scratch / "alive").exists())
        assert _processes_of(world)
        tasks.cancel_scope.cancel()
    assert _processes_of(world) == []


_EDITOR = """
import asyncio, sys
from pathlib import Path
from lsp_server.tests_for.sandbox import Limits, Sandbox
kind, program, scratch, interpreter, *command = sys.argv[1:]
place = Path(scratch)
asyncio.run(Sandbox(kind, program).run(command, workspace=place, scratch=place, readable=[Path(interpreter)]))
"""


async def test_a_run_ends_when_whoever_asked_for_it_is_killed(sandbox: Sandbox, world: World) -> None:
    asked = [*PYTHON, "-c", _DAEMON + f"time.sleep(100_000)  # {world.scratch}"]
    told = [sandbox.name, sandbox.program, str(world.scratch), str(INTERPRETER)]
    with subprocess.Popen([sys.executable, "-c", _EDITOR, *told, *asked]) as editor:  # noqa: ASYNC220  only started here
        await _until(lambda: (world.scratch / "alive").exists())
        editor.kill()
    await _until(lambda: _processes_of(world) == [])


@pytest.mark.skipif(not shutil.which("setpriv") or os.geteuid() != 0, reason="only root becomes somebody else")
@pytest.mark.parametrize("kind", ["bubblewrap", "landlock"])
def test_people_who_are_not_root_are_confined_too(kind: str, tried: dict[str, tuple[Sandbox, str]]) -> None:
    sandbox, problem = tried[kind]
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if problem or not python:
        pytest.skip(problem or "no Python that everybody can start")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = _somebodys_world(stack, Path(folder), python)
        before = world.tree()
        forked = _run_as_somebody(sandbox, world, Path(folder), [python, "-c", _FORKS])
        wrote = _run_as_somebody(sandbox, world, Path(folder), [python, "-c", sandbox_attacks.program(WRITING)])
        meddled = _run_as_somebody(sandbox, world, Path(folder), [python, "-c", sandbox_attacks.program(MEDDLING)])
        assert world.tree() == before
    assert LIMITS.n_processes - 2 <= int(forked.output) <= LIMITS.n_processes
    assert wrote.output.endswith(b"done\n"), wrote
    assert meddled.output == b"done\n", meddled


_SOMEBODY = ("setpriv", "--reuid=65533", "--regid=65533", "--clear-groups")


def _somebodys_world(stack: ExitStack, folder: Path, python: str) -> World:
    """Make a world of somebody's in `folder`, and a copy of what supervises, since they cannot read ours."""
    shutil.copytree(Path(sandboxes.__file__).parent, folder / "sandboxes")
    world = World(folder / "workspace", folder / "scratch", folder / "outside", {})
    for place in (world.workspace, world.scratch, world.outside):
        place.mkdir()
    (world.workspace / "module.py").write_text("x = 1\n")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
        os.chown(path, 65533, 65533)
    target = stack.enter_context(subprocess.Popen([*_SOMEBODY, python, "-c", _TARGET], stdout=subprocess.PIPE))
    stack.callback(target.kill)
    assert target.stdout is not None
    address = target.stdout.readline().decode().strip()
    places = {"OUTSIDE": str(world.outside), "WORKSPACE": str(world.workspace)}
    world.environment |= {**places, "PID": str(target.pid), "ADDRESS": address, "SHARED": "0"}
    return world


def _run_as_somebody(sandbox: Sandbox, world: World, folder: Path, command: list[str]) -> Outcome:
    workspace, scratch = str(world.workspace), str(world.scratch)
    order = Order(
        sandbox.name, sandbox.program, tuple(command), workspace, scratch, (), scratch, world.environment, LIMITS
    )
    code = f"import sys; sys.path.append({str(folder)!r}); from sandboxes.supervisor import main; main()"
    supervisor = [*_SOMEBODY, command[0], "-I", "-S", "-c", code]
    with subprocess.Popen(supervisor, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order.to_line())
        process.stdin.flush()
        outcome = Outcome.from_bytes(process.stdout.read())
    assert outcome.ended is Ended.EXITED, outcome
    return outcome


async def _until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not holds():  # noqa: ASYNC110  another process does it, and sets no event
            await anyio.sleep(0.01)


def _processes_of(world: World) -> list[str]:
    """Find the processes whose command line names the world's scratch folder."""
    if sys.platform == "linux":
        lines = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))  # empty for a zombie
    else:
        listed = subprocess.run(["ps", "-axww", "-o", "stat=,command="], capture_output=True, text=True, check=True)
        lines = [line for line in listed.stdout.splitlines() if not line.startswith("Z")]
    return [line for line in lines if str(world.scratch) in line]
