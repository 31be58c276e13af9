"""Runs tests of one project, each in a process of its own, and writes how each went, one JSON object a line.

Executed by the project's interpreter inside the sandbox: standard library of Python 3.8 and, where the job says so,
the project's pytest. Invariants: a test that hangs, exits, crashes or changes what others see ends with its process;
what is told of a test is written before the next one begins; nothing but the job decides what runs.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import tempfile
import time
import types
from typing import Any, Callable, Iterator, Sequence, Tuple  # noqa: UP035  # Python 3.8

Run = Callable[[], Tuple[str, str]]  # noqa: UP006  # evaluated, by Python 3.8 too
Test = Tuple[str, Run]  # noqa: UP006  # a name and what runs it: (verdict, words)

_MOST_WORDS = 1500
_MOST_OUTPUT = 4000
_WALL_FACTOR, _WALL_S = 2.0, 2.0
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = ("os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.symlink", "os.link", "os.truncate", "os.chmod")
_NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn")


class Job:
    """What to run. Its fields are those of the file that `python.py` writes."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.uses_pytest: bool = said["uses_pytest"]
        self.root: str = said["root"]
        self.paths: list[str] = said["paths"]
        self.tests: dict[str, str] = said["tests"]
        self.source: str = said["source"]
        self.first_line: int = said["first_line"]
        self.last_line: int = said["last_line"]
        self.mutants: list[str] = said["mutants"]
        self.mutant_lines: list[int] = said["mutant_lines"]
        self.test_s: float = said["test_s"]
        self.mutant_test_s: float = said["mutant_test_s"]
        self.budget_s: float = said["budget_s"]
        self.temporary: str = said["temporary"]
        self.report: str = said["report"]


class Traced:
    """The lines of the target that ran, 1-based, and from which line to which; 0 is its end."""

    def __init__(self, job: Job) -> None:
        self.lines: set[int] = set()
        self.branches: set[tuple[int, int]] = set()
        self._job = job
        self._wanted: dict[types.CodeType, bool] = {}

    def begin(self) -> None:
        import threading

        threading.settrace(self._enter)
        sys.settrace(self._enter)

    def _enter(self, frame: types.FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        wanted = self._wanted.get(code)
        if wanted is None:
            wanted = self._wanted[code] = is_of_target(code, self._job)
        return self._follow() if wanted else None

    def _follow(self) -> Any:
        before = 0

        def local(frame: types.FrameType, event: str, argument: object) -> Any:
            nonlocal before
            if event == "line":
                self.lines.add(frame.f_lineno)
                if before:
                    self.branches.add((before, frame.f_lineno))
                before = frame.f_lineno
            elif event == "return" and before:
                self.branches.add((before, 0))
            return local

        return local


def is_of_target(code: types.CodeType, job: Job) -> bool:
    """Tell whether `code` was compiled from lines of the target."""
    if not job.first_line <= code.co_firstlineno <= job.last_line:
        return False
    return os.path.realpath(code.co_filename) == job.source


class Fence:
    """Notes and refuses what a test must not do. The sandbox holds without it; this one says what it was."""

    def __init__(self, job: Job) -> None:
        self.broken = ""
        self._is_closed = False
        self._allowed = (os.path.realpath(job.temporary) + os.sep, "/dev/")

    def close(self) -> None:
        self._is_closed = True
        sys.addaudithook(self._look)

    def open(self) -> None:
        self._is_closed = False

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_closed:
            return
        if event == "open":
            path, mode, flags = arguments
            is_writing = any(letter in (mode or "") for letter in "wax+") or bool((flags or 0) & _WRITES)
            if is_writing:
                self._check_path(path)
        elif event in _CHANGES or (event == "sqlite3.connect" and arguments[0] not in (":memory:", "", b":memory:")):
            self._check_path(arguments[0])
        elif event in _NETWORK:
            self._refuse("reached for the network")
        elif event in _PROGRAMS:
            self._refuse("ran another program")

    def _check_path(self, path: object) -> None:
        if isinstance(path, (str, bytes, os.PathLike)):
            place = os.path.realpath(os.fsdecode(path))
            if not place.startswith(self._allowed) and place + os.sep not in self._allowed:
                self._refuse("wrote outside its temporary folder")

    def _refuse(self, what: str) -> None:
        self.broken = what
        raise PermissionError("a suggested test must not do this: it " + what)


def main() -> None:
    """Run the job that the first argument names."""
    with open(sys.argv[1], encoding="utf-8") as file:
        job = Job(json.load(file))
    sys.dont_write_bytecode = True
    sys.path[:0] = [path for path in job.paths if os.path.isdir(path)]
    os.chdir(job.root)
    report = open(job.report, "a", encoding="utf-8")  # noqa: SIM115  # open for as long as the process is
    if job.uses_pytest:
        collect_with_pytest(job, lambda tests: run_all(job, tests, report))
    else:
        run_all(job, collect_with_unittest(job), report)
    report.flush()
    os._exit(0)  # threads that the project started must not keep it


def run_all(job: Job, tests: Sequence[Test], report: Any) -> None:
    """Run every test against the code as it is; then against each mutant those that run its line, until one notices."""
    ends_s = time.monotonic() + job.budget_s
    passed: List[Tuple[Test, Set[int], float]] = []
    for name, run in tests:
        if time.monotonic() > ends_s:
            return
        told = in_child(job, run, job.test_s, [])
        write(report, dict(told, test=name))
        if told["verdict"] == "passed":
            passed.append(((name, run), set(told["lines"]), told["took_s"]))
    functions = functions_of(job) if job.mutants else []
    for number, text in enumerate(job.mutants):
        swaps = swaps_of(functions, text, job)
        line = job.mutant_lines[number]
        for (name, run), lines, took_s in passed:
            if not swaps or line not in lines:
                continue
            if time.monotonic() > ends_s:
                return
            told = in_child(job, run, job.mutant_test_s + 5 * took_s, swaps)
            write(report, dict(told, test=name, mutant=number, lines=[], branches=[], output=""))
            if told["verdict"] != "passed":
                break


def write(report: Any, told: dict[str, Any]) -> None:
    report.write(json.dumps(told) + "\n")
    report.flush()


def functions_of(job: Job) -> list[types.FunctionType]:
    """Return the functions that were made of the target's lines."""
    return [each for each in gc.get_objects() if type(each) is types.FunctionType and is_of_target(each.__code__, job)]


def swaps_of(
    functions: Sequence[types.FunctionType], text: str, job: Job
) -> list[tuple[types.FunctionType, types.CodeType]]:
    """Return which function gets which code for the target's file to say `text`; none where that does not compile."""
    try:
        module = compile(text, job.source, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return []
    codes = {(code.co_name, code.co_firstlineno): code for code in codes_in(module)}
    swaps = []
    for function in functions:
        before = function.__code__
        after = codes.get((before.co_name, before.co_firstlineno))
        if after is not None and after.co_freevars == before.co_freevars:
            swaps.append((function, after))
    return swaps


def codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield each
            yield from codes_in(each)


def in_child(
    job: Job, run: Run, cpu_s: float, swaps: Sequence[Tuple[types.FunctionType, types.CodeType]]
) -> Dict[str, Any]:
    """Run a test in a child, which may use `cpu_s` of CPU and some more of time, and return what became of it."""
    began_s = time.monotonic()
    reading, writing = os.pipe()
    with tempfile.TemporaryFile(dir=job.temporary) as output:
        child = os.fork()
        if child == 0:
            try:
                os.close(reading)
                os.setpgid(0, 0)
                # Its default action ends the process: no handler that a test could replace or outlast.
                signal.signal(signal.SIGPROF, signal.SIG_DFL)
                signal.setitimer(signal.ITIMER_PROF, cpu_s)
                be_child(job, run, swaps, writing, output.fileno())
            finally:
                os._exit(1)
        os.close(writing)
        said = read_until(reading, began_s + _WALL_FACTOR * cpu_s + _WALL_S)
        os.close(reading)
        killed_by = end(child)
        took_s = time.monotonic() - began_s
        output.seek(0)
        printed = output.read(_MOST_OUTPUT).decode("utf-8", "replace")
    if said is None or killed_by == signal.SIGPROF:
        told = {"verdict": "slow", "words": "it took longer than %.3g s" % cpu_s}  # noqa: UP031  # one form for all
    else:
        told = said or {"verdict": "broken", "words": "it ended its process"}
    return {"mutant": None, "lines": [], "branches": [], **told, "took_s": round(took_s, 4), "output": printed}


def read_until(reading: int, deadline_s: float) -> Optional[Dict[str, Any]]:
    """Return what the child says; empty where it ended without a word, None where it was not in time."""
    pieces: List[bytes] = []
    while True:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not select.select([reading], [], [], left_s)[0]:
            return None
        piece = os.read(reading, 1 << 16)
        if piece:
            pieces.append(piece)
            continue
        try:
            told: Dict[str, Any] = json.loads(b"".join(pieces) or b"{}")
        except ValueError:
            return {}
        return told


def end(child: int) -> int:
    """End the child and what it started; return the signal that it had ended by before, 0 where by none."""
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def be_child(
    job: Job, run: Run, swaps: Sequence[tuple[types.FunctionType, types.CodeType]], writing: int, output: int
) -> None:
    """Run the test and tell of it; does not return to what the parent was doing."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(output, 1)
    os.dup2(output, 2)
    for function, code in swaps:
        function.__code__ = code
    fence, traced = Fence(job), Traced(job)
    fence.close()
    if not swaps:
        traced.begin()
    verdict, words = run()
    sys.settrace(None)
    fence.open()
    sys.stdout.flush()
    sys.stderr.flush()
    if fence.broken:
        verdict, words = "forbidden", "it " + fence.broken
    told = {
        "verdict": verdict,
        "words": words[:_MOST_WORDS],
        "lines": sorted(traced.lines),
        "branches": sorted(traced.branches),
    }
    os.write(writing, json.dumps(told).encode())
    os._exit(0)


def collect_with_pytest(job: Job, then: Callable[[list[Test]], None]) -> None:
    """Have pytest collect the job's files and hand over its tests, those that could not be collected included."""
    import pytest
    from _pytest.runner import runtestprotocol

    errors: dict[str, str] = {}
    raised: list[BaseException] = []

    def run_items(items: Sequence[Any]) -> tuple[str, str]:
        verdict, words = "skipped", "no test of this name was collected"
        for item in items:
            for report in runtestprotocol(item, log=False, nextitem=None):
                if report.failed:
                    is_claim = bool(raised) and isinstance(raised[-1], (AssertionError, pytest.fail.Exception))
                    return "failed" if is_claim and report.when == "call" else "broken", shown(report.longreprtext)
                if report.when == "call" and report.passed:
                    verdict, words = "passed", ""
                elif report.skipped:
                    return "skipped", "it is skipped"
        return verdict, words

    class Plugin:
        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                errors[os.path.basename(report.nodeid)] = shown(report.longreprtext)

        def pytest_exception_interact(self, call: Any) -> None:
            raised.append(call.excinfo.value)

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self, session: Any) -> bool:
            tests: list[Test] = []
            for name, path in job.tests.items():
                file = os.path.basename(path)
                items = [item for item in session.items if item.path.name == file and plain(item.name) == name]
                if file in errors:
                    tests.append((name, constant("broken", errors[file])))
                else:
                    tests.append((name, lambda items=items: run_items(items)))  # type: ignore[misc]
            then(tests)
            return True

    options = ["-q", "-s", "-o", "addopts=", "-o", "required_plugins=", "-p", "no:cacheprovider", "--rootdir", job.root]
    options += ["--basetemp", os.path.join(job.temporary, "pytest")]
    pytest.main([*options, *job.tests.values()], plugins=[Plugin()])


def shown(text: str) -> str:
    """Return the lines of pytest's report that say what was wrong."""
    lines = [line for line in text.splitlines() if line[:1] in (">", "E") and not line.startswith("E        +")]
    return "\n".join(lines) or text[-_MOST_WORDS:]


def plain(name: str) -> str:
    """Return what a test is called without the parameters it is run with."""
    return name.partition("[")[0]


def constant(verdict: str, words: str) -> Run:
    return lambda: (verdict, words)


def collect_with_unittest(job: Job) -> list[Test]:
    """Load the job's files as unittest would from the root."""
    return [(name, load_with_unittest(job, path, name)) for name, path in job.tests.items()]


def load_with_unittest(job: Job, path: str, name: str) -> Run:
    import importlib
    import traceback
    import unittest

    folder, names = os.path.dirname(path), [os.path.splitext(os.path.basename(path))[0]]
    while folder != job.root and os.path.exists(os.path.join(folder, "__init__.py")):
        names.insert(0, os.path.basename(folder))
        folder = os.path.dirname(folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(".".join(names))
        loaded = unittest.defaultTestLoader.loadTestsFromModule(module)
        suite = unittest.TestSuite(test for test in flat(loaded) if test._testMethodName == name)
    except (Exception, SystemExit) as error:
        return constant("broken", "".join(traceback.format_exception_only(type(error), error)))

    def run() -> tuple[str, str]:
        result = unittest.TestResult()
        suite.run(result)
        if result.errors:
            return "broken", tail(result.errors[0][1])
        if result.failures or result.unexpectedSuccesses:
            return "failed", tail(result.failures[0][1]) if result.failures else "it succeeded unexpectedly"
        if result.testsRun == 0 or result.skipped or result.expectedFailures:
            return "skipped", "it is skipped"
        return "passed", ""

    return run


def flat(suite: Any) -> Iterator[Any]:
    for each in suite:
        if hasattr(each, "_testMethodName"):
            yield each
        else:
            yield from flat(each)


def tail(text: str) -> str:
    """Return the end of a traceback: the line that raised, and what."""
    return "\n".join(text.strip().splitlines()[-4:])


if __name__ == "__main__":
    main()
