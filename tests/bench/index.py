"""The workspace index over real code: building, one changed file, queries, memory, and how each grows.

The corpus is made of Python files of the installed packages and the standard library, larger ones by copies whose
longer names differ. Builds run in a real language server; updates and queries are timed without the wire around them.
"""

import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lsp_server.context.files import stamp_of
from lsp_server.context.folder import FolderIndex, index_path
from lsp_server.context.parsers import Parsers
from lsp_server.context.terms import terms_of
from tests.bench.memory import resident_mb
from tests.bench.report import Goal, Options, Report
from tests.lsp_client import LspClient

GOALS = {
    "corpus_files": Goal(">=", 10_000),
    "build_s": Goal("<=", 20),
    "update_ms_p50": Goal("<=", 2),
    "query_ms_p50": Goal("<=", 1),
    "query_ms_p99": Goal("<=", 10),
    "server_resident_mb": Goal("<=", 120),
}
_SERVER = (sys.executable, "-m", "tests.indexing_server")
_BUILD_TIMEOUT_S = 900.0
_SMALL_BYTES = 4_096
_LONG_NAME = re.compile(rb"\b([a-z]\w{7,})\b")


@dataclass(frozen=True, slots=True)
class Measured:
    """One build: how long it took, and what the two processes held in memory at most, in MB."""

    build_s: float
    server_mb: float
    parser_mb: float
    index_mb: float


def run(options: Options) -> Report:
    """Measure in folders of the system's temporary one."""
    report = Report("index", GOALS)
    n_files, n_times = (2_000, 200) if options.quick else (10_000, 1_000)
    sizes = [1_000] if options.quick else [1_000, 10_000, 50_000]
    sources = _sources()
    with _temporary() as folder:
        report.figures["idle_server_resident_mb"] = _idle_mb(folder)
        tree = folder / "tree"
        report.figures["corpus_files"] = _copy(sources, tree, n_files)
        report.figures["corpus_mb"] = sum(path.stat().st_size for path in tree.rglob("*.py")) / 1e6
        plain = _build(folder, tree)
        report.figures["build_without_git_s"] = plain.build_s
        _make_repository(tree)
        measured = _build(folder, tree)
        report.figures["build_s"] = measured.build_s
        report.figures["index_mb"] = measured.index_mb
        report.figures["server_resident_mb"] = max(plain.server_mb, measured.server_mb)
        report.figures["parsing_process_resident_mb"] = max(plain.parser_mb, measured.parser_mb)
        _measure_use(report, tree, "", n_times)
        shutil.rmtree(tree)
        small = [path for path in sources if path.stat().st_size <= _SMALL_BYTES]
        for size in sizes:
            _measure_growth(report, folder, small, size, n_times)
    report.notes["update_ms_p50"] = "from a changed file, noticed, to the index that has it: read, parsed, written"
    report.notes["update_again_ms_p50"] = "the same, of a file that was changed before, as whoever edits it does"
    report.notes["small_1k"] = f"how it grows is measured with files of at most {_SMALL_BYTES} bytes"
    return report


def _measure_growth(report: Report, folder: Path, sources: list[Path], n_files: int, n_times: int) -> None:
    """Measure with `n_files` small files."""
    tree, suffix = folder / f"small_{n_files}", f"_small_{n_files // 1_000}k"
    _copy(sources, tree, n_files)
    built = _build(folder, tree)
    report.figures[f"build{suffix}_s"] = built.build_s
    report.figures[f"server_resident{suffix}_mb"] = built.server_mb
    report.figures[f"index{suffix}_mb"] = built.index_mb
    _measure_use(report, tree, suffix, n_times)
    shutil.rmtree(tree)


@contextmanager
def _temporary() -> Iterator[Path]:
    """Give an empty folder, with a HEARTHLINE_HOME in it."""
    with tempfile.TemporaryDirectory(prefix="hl-bench-") as name:
        folder = Path(name)
        (folder / "home").mkdir()
        old = os.environ.get("HEARTHLINE_HOME")
        os.environ["HEARTHLINE_HOME"] = str(folder / "home")
        try:
            yield folder
        finally:
            if old is None:
                del os.environ["HEARTHLINE_HOME"]
            else:
                os.environ["HEARTHLINE_HOME"] = old


def _sources() -> list[Path]:
    """Return the Python files of this environment in a mixed order that is always the same."""
    roots = [Path(sysconfig.get_path(name)) for name in ("purelib", "stdlib")]
    found = [path for root in roots for path in sorted(root.rglob("*.py")) if stamp_of(path) is not None]
    random.Random(1).shuffle(found)
    return found


def _copy(sources: list[Path], tree: Path, n_files: int) -> int:
    """Copy `n_files` files into `tree`, in folders of 100; from the second round on with other names in them."""
    for number in range(n_files):
        source = sources[number % len(sources)]
        target = tree / f"package_{number // 100}" / f"{number}_{source.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        data = source.read_bytes()
        copy = number // len(sources)
        target.write_bytes(_LONG_NAME.sub(rb"\1_%d" % copy, data) if copy else data)
    return n_files


def _make_repository(tree: Path) -> None:
    for command in (["init", "-q"], ["-c", "core.compression=0", "-c", "gc.auto=0", "add", "."]):
        subprocess.run(["git", *command], cwd=tree, check=True, capture_output=True)


def _idle_mb(folder: Path) -> float:
    """Return the resident memory of a language server without a workspace."""
    with LspClient(folder, _SERVER) as client:
        client.initialize()
        client.call("probe/held", {})
        return resident_mb(client.process.pid)


def _build(folder: Path, tree: Path) -> Measured:
    """Build the index of `tree` anew in a language server, from the end of its start to the end of the progress."""
    shutil.rmtree(folder / "home" / "index", ignore_errors=True)
    with LspClient(folder / "home", _SERVER) as client:
        began = time.perf_counter()
        client.initialize(
            {"window": {"workDoneProgress": True}}, workspaceFolders=[{"uri": tree.as_uri(), "name": "tree"}]
        )
        with _peaks(client.process.pid) as peaks:
            client.wait_for(lambda message: "'kind': 'end'" in str(message.get("params")), _BUILD_TIMEOUT_S)
            build_s = time.perf_counter() - began
    return Measured(build_s, peaks["server"], peaks["parser"], index_path(tree).stat().st_size / 1e6)


@contextmanager
def _peaks(pid: int) -> Iterator[dict[str, float]]:
    """Follow the resident memory of a server and of the largest of its children, in MB."""
    peaks = {"server": 0.0, "parser": 0.0}
    ended = threading.Event()

    def follow() -> None:
        # One question a second: asking takes 10 ms of the cores that are being measured.
        is_over = False
        while not is_over:
            is_over = ended.wait(1.0)
            answer = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True)
            for line in answer.stdout.splitlines():
                own, parent, resident_kib = map(int, line.split())
                if pid in (own, parent):
                    role = "server" if own == pid else "parser"
                    peaks[role] = max(peaks[role], resident_kib * 1024 / 1e6)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _measure_use(report: Report, tree: Path, suffix: str, n_times: int) -> None:
    """Time what an open window does: coming back, one changed file, a query, a definition."""
    parser = Parsers()
    folder = FolderIndex(tree, (), parser, lambda _: None)
    try:
        reconcile_s = _timed(lambda: folder.reconcile(lambda _done, _total: None, lambda: False))
        report.figures[f"reconcile{suffix}_s"] = reconcile_s
        paths = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*.py"))
        chance = random.Random(2)
        # The first starts the parsing process, as building does in a window that has something to build.
        _, *updates = [
            (_update(folder, tree / path, path), _update(folder, tree / path, path))
            for path in chance.sample(paths, n_times // 5 + 1)
        ]
        _put(report, f"update_ms{suffix}", [first for first, _ in updates])
        _put(report, f"update_again_ms{suffix}", [again for _, again in updates])
        queries: list[float] = []
        names: list[float] = []
        while len(queries) < n_times:
            path = chance.choice(paths)
            lines = (tree / path).read_text(encoding="utf-8", errors="replace").split("\n")
            line = chance.randrange(len(lines))
            text = "\n".join(lines[max(0, line - 12) : line])
            queries.append(
                _timed(lambda text=text, path=path: folder.read(lambda q: q.search(terms_of(text), 10, path)))  # type: ignore[misc]
            )
            name = chance.choice(sorted(terms_of(text)) or ["none"])
            names.append(_timed(lambda name=name, path=path: folder.read(lambda q: q.definitions(name, path, 5))))  # type: ignore[misc]
        _put(report, f"query_ms{suffix}", queries)
        _put(report, f"definition_ms{suffix}", names)
    finally:
        parser.close()
        folder.close()


def _update(folder: FolderIndex, file: Path, path: str) -> float:
    """Change a line in the middle of `file`; return how long the index took to have it."""
    lines = file.read_bytes().split(b"\n")
    lines.insert(len(lines) // 2, b"# changed")
    file.write_bytes(b"\n".join(lines))
    return _timed(lambda: folder.refresh([path], lambda: False))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _put(report: Report, key: str, times_s: list[float]) -> None:
    times_ms = sorted(1e3 * each for each in times_s)
    report.figures[f"{key}_p50"] = statistics.median(times_ms)
    report.figures[f"{key}_p99"] = times_ms[len(times_ms) * 99 // 100]
