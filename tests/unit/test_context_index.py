"""The whole index over real folders and a real parsing process: in step with the disk, whatever happens to either."""

import asyncio
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lsp_server.context import files, parsers, store
from lsp_server.context.folder import UNUSED_S, index_path
from lsp_server.context.index import WorkspaceIndex
from lsp_server.context.parser import Parser, ParserClosedError, ParserUnavailableError
from lsp_server.context.parsers import Parsers
from lsp_server.context.parsing import parse_data
from lsp_server.context.store import Store
from tests.unit.test_context_store import everything

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hearthline_home")]

DEADLINE_S = 30.0
PRIVATE_KEY = "-----BEGIN PRIVATE " + "KEY-----"


class Heard:
    """Keeps what an index says."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.progress: list[tuple[int, int]] = []
        self.n_settled = 0

    def on_progress(self, done: int, total: int) -> None:
        self.progress.append((done, total))

    def on_settled(self) -> None:
        self.n_settled += 1

    def on_problem(self, words: str) -> None:
        self.problems.append(words)


@contextlib.asynccontextmanager
async def indexed(
    *folders: Path, watches: bool = False, exclude: tuple[str, ...] = ()
) -> AsyncIterator[WorkspaceIndex]:
    """Give the index of `folders`, built."""
    heard = Heard()
    made = WorkspaceIndex(folders, exclude, heard, watches=watches)
    made.heard = heard  # type: ignore[attr-defined]
    made.start()
    try:
        await until(lambda: heard.n_settled > 0)
        yield made
    finally:
        await made.close()


def heard_by(made: WorkspaceIndex) -> Heard:
    return made.heard  # type: ignore[attr-defined, no-any-return]


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def defined(made: WorkspaceIndex, name: str) -> list[str]:
    return [Path(each.path).name for each in await made.definitions(name, "")]


async def until_defined(made: WorkspaceIndex, name: str, expected: list[str]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while await defined(made, name) != expected:
        assert time.monotonic() < deadline, await defined(made, name)
        await asyncio.sleep(0.01)


def write(path: Path, name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"def {name}(values):\n    return quokka_{name}(values)\n")
    return path


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@t")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def output_of(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


async def test_files_are_found_and_followed(tmp_path: Path) -> None:
    kept, changed, gone = (write(tmp_path / f"{name}.py", name) for name in ("kept", "changed", "gone"))
    async with indexed(tmp_path) as made:
        assert next(chunk.path for chunk in await made.search("quokka_kept")) == str(kept)
        [definition] = await made.definitions("kept", str(changed))
        assert (definition.path, definition.line, definition.kind) == (str(kept), 0, "function")
        write(changed, "renamed")
        gone.unlink()
        new = write(tmp_path / "d" / "new.go.py", "new")
        made.note_dirty([str(changed), str(gone), str(new), "/elsewhere/x.py"])
        await until_defined(made, "renamed", ["changed.py"])
        await until_defined(made, "new", ["new.go.py"])
        assert await defined(made, "changed") == []
        assert await defined(made, "gone") == []
        shutil.rmtree(tmp_path / "d")
        made.note_dirty([str(tmp_path / "d")])
        await until_defined(made, "new", [])


async def test_what_an_editor_shows_stands_for_what_is_on_disk(tmp_path: Path) -> None:
    edited, other = write(tmp_path / "edited.py", "saved"), write(tmp_path / "other.py", "other")
    ignored = tmp_path / ".env"
    async with indexed(tmp_path) as made:
        made.note_text(str(edited), "def unsaved():\n    return quokka_unsaved()\n")
        made.note_text(str(ignored), "def dotenv(): pass\n")
        await until_defined(made, "unsaved", ["edited.py"])
        assert await defined(made, "saved") == await defined(made, "dotenv") == []
        assert [chunk.path for chunk in await made.search("quokka_unsaved", 1)] == [str(edited)]
        assert heard_by(made).n_settled == 1, "nobody begins anew for what was typed"
        write(other, "renamed")
        made.note_all_dirty()
        await until_defined(made, "renamed", ["other.py"])
        assert await defined(made, "unsaved") == ["edited.py"]
        made.note_text(str(edited), None)
        await until_defined(made, "saved", ["edited.py"])
        made.note_text(str(edited), f"def keyed(): return '{PRIVATE_KEY}'\n")
        await until_defined(made, "saved", [])
        assert await defined(made, "keyed") == []
    async with indexed(tmp_path) as made:
        assert await defined(made, "saved") == ["edited.py"], "what no editor shows any more is forgotten"


async def test_texts_longer_than_a_pipe_pass_it(tmp_path: Path) -> None:
    names = [f"{number}.py" for number in range(20)]
    for name in names:
        write(tmp_path / name, "f")
    texts = {name: f"def g{name[0]}(): pass\n" * 15_000 for name in names[3:9]}
    parser = Parser()
    parsed = dict(parser.parse(tmp_path, names, texts))
    assert list(parsed) == names
    assert [file.symbols[0].name[0] for file in parsed.values() if file] == ["f"] * 3 + ["g"] * 6 + ["f"] * 11
    parser.close()


async def test_what_happened_while_no_window_was_open(tmp_path: Path) -> None:
    changed = write(tmp_path / "changed.py", "old")
    gone = write(tmp_path / "gone.py", "gone")
    write(tmp_path / "same.py", "same")
    async with indexed(tmp_path):
        pass
    write(changed, "renamed")
    gone.unlink()
    async with indexed(tmp_path) as made:
        assert await defined(made, "renamed") == ["changed.py"]
        assert await defined(made, "gone") == []
        assert await defined(made, "same") == ["same.py"]
        assert heard_by(made).progress == [(1, 1)], "one file was read again"


async def test_rules_that_change_change_what_belongs(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a")
    write(tmp_path / "b.py", "b")
    async with indexed(tmp_path, exclude=("a.py",)) as made:
        assert await defined(made, "a") == []
        (tmp_path / ".hearthlineignore").write_text("b.py\n")
        made.note_dirty([str(tmp_path / ".hearthlineignore")])
        await until_defined(made, "b", [])


async def test_secrets_are_never_in_the_index_nor_in_its_file(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".env").write_text("TOKEN=quokka_one\n")
    (tmp_path / "key.py").write_text(f'quokka_two = """{PRIVATE_KEY}"""\n')
    plain = write(tmp_path / "plain.py", "plain")
    git(tmp_path, "add", "-f", ".")
    async with indexed(tmp_path) as made:
        assert {chunk.path for chunk in await made.search("quokka_one quokka_two quokka")} == {str(plain)}
        plain.write_text(f"quokka_three = 1\nkey = '{PRIVATE_KEY}'\n")
        made.note_dirty([str(plain), str(tmp_path / ".env")])
        await until_defined(made, "plain", [])
        assert await made.search("quokka_three") == []
    for path in index_path(tmp_path).parent.iterdir():
        assert b"quokka_t" not in path.read_bytes()


async def test_two_folders_and_the_nearer_one_first(tmp_path: Path) -> None:
    one, two = (write(tmp_path / name / "src" / "same.py", "same") for name in ("one", "two"))
    async with indexed(tmp_path / "one", tmp_path / "two") as made:
        assert [each.path for each in await made.definitions("same", str(two))] == [str(two), str(one)]
        assert {chunk.path for chunk in await made.search("quokka_same", exclude_path=str(one))} == {str(two)}


async def test_callers_in_two_folders(tmp_path: Path) -> None:
    one, two = (write(tmp_path / name / "src" / "a.py", f"in_{name}") for name in ("one", "two"))
    for path in (one, two):
        path.write_text("def feed():\n    return quokka(1)\n")
    async with indexed(tmp_path / "one", tmp_path / "two") as made:
        calls = await made.find_callers("quokka", near_path=str(two))
        assert [(call.path, call.line, call.caller) for call in calls] == [(str(two), 1, "feed"), (str(one), 1, "feed")]
        assert await made.find_callers("quokka", 1) == calls[1:]


async def test_a_damaged_index_is_built_again_while_it_is_open(tmp_path: Path) -> None:
    for number in range(40):
        write(tmp_path / f"f{number}.py", f"f{number}")
    async with indexed(tmp_path) as made:
        opened = made._folders[0]._store
        assert opened is not None
        opened._writer.execute("UPDATE chunk SET text = 'def forged(): quokka_f1' WHERE id % 2")
        for number in range(40):
            await made.search(f"quokka_f{number}")  # answers with nothing, and has it mended
        await until(lambda: heard_by(made).n_settled > 1)
        await until_defined(made, "f1", ["f1.py"])
        assert [chunk.text.split("(")[0] for chunk in await made.search("quokka_f1", 1)] == ["def f1"]
        assert heard_by(made).problems == []


@pytest.mark.parametrize("seed", range(4))
async def test_an_index_that_was_damaged_on_disk_is_built_again(tmp_path: Path, seed: int) -> None:
    for number in range(40):
        write(tmp_path / f"f{number}.py", f"f{number}")
    async with indexed(tmp_path):
        pass
    path = index_path(tmp_path)
    damaged = bytearray(path.read_bytes())
    start = 4096 * (1 + seed)
    damaged[start : start + 3000] = os.urandom(3000)
    path.write_bytes(damaged)
    async with indexed(tmp_path) as made:
        for number in range(40):
            await made.search(f"quokka_f{number}")
            made.note_all_dirty()
            if await defined(made, f"f{number}") != [f"f{number}.py"]:
                await until_defined(made, f"f{number}", [f"f{number}.py"])


async def test_a_place_that_cannot_be_written_leaves_an_index_in_memory(tmp_path: Path, hearthline_home: Path) -> None:
    write(tmp_path / "a.py", "a")
    (hearthline_home / "index").write_text("a file where the folder should be")
    async with indexed(tmp_path) as made:
        assert await defined(made, "a") == ["a.py"]
        [problem] = heard_by(made).problems
        assert "cannot be written" in problem
        assert "in memory" in problem


class FullDisk:
    """A connection on a disk that is full from the third transaction on."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._n_begun = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def __enter__(self) -> object:
        return self._connection.__enter__()

    def __exit__(self, *error: object) -> object:
        return self._connection.__exit__(*error)  # type: ignore[arg-type]

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        self._n_begun += statement.startswith("BEGIN")
        if self._n_begun > 2 and statement.startswith("INSERT"):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return self._connection.execute(statement, *values)  # type: ignore[arg-type]


async def test_a_disk_that_fills_up_leaves_an_index_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        write(tmp_path / f"f{number}.py", f"f{number}")

    original = store.open_store

    def open_store(path: Path | None) -> Store:
        opened = original(path)
        if path is not None:
            opened._writer = FullDisk(opened._writer)  # type: ignore[assignment]
        return opened

    monkeypatch.setattr(store, "open_store", open_store)
    async with indexed(tmp_path) as made:
        assert await defined(made, "f199") == ["f199.py"]
        [problem] = heard_by(made).problems
        assert "disk is full" in problem
        assert not index_path(tmp_path).exists(), "it would keep the disk full"


async def test_a_build_can_be_cancelled_and_goes_on_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        write(tmp_path / f"f{number}.py", f"f{number}")
    heard = Heard()
    made = WorkspaceIndex([tmp_path], (), heard)
    monkeypatch.setattr(heard, "on_progress", lambda done, _total: made.cancel_build() if done >= 64 else None)
    made.start()
    await until(lambda: heard.n_settled > 0)
    assert len(await made.search("quokka")) > 0
    stored = index_path(tmp_path)
    with contextlib.closing(sqlite3.connect(stored)) as connection:
        assert 64 <= connection.execute("SELECT count(*) FROM file").fetchone()[0] < 300
    monkeypatch.setattr(heard, "on_progress", lambda _done, _total: None)
    made.note_all_dirty()
    await until_defined(made, "f299", ["f299.py"])
    await made.close()


async def test_too_many_files_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILES", 1)
    write(tmp_path / "a.py", "a")
    write(tmp_path / "b.py", "b")
    async with indexed(tmp_path) as made:
        assert "it is not indexed" in heard_by(made).problems[0]
        assert await made.search("quokka") == []


async def test_an_index_that_nobody_opens_any_more_is_deleted(tmp_path: Path) -> None:
    write(tmp_path / "old" / "a.py", "a")
    write(tmp_path / "new" / "a.py", "a")
    async with indexed(tmp_path / "old"):
        pass
    async with indexed(tmp_path / "new"):
        pass
    os.utime(index_path(tmp_path / "old"), (0, 0))
    os.utime(index_path(tmp_path / "new"), (0, time.time() - UNUSED_S / 2))
    async with indexed(tmp_path / "new"):
        assert not index_path(tmp_path / "old").exists()
        assert index_path(tmp_path / "new").stat().st_mtime > time.time() - UNUSED_S / 4


# The parsing process

FRAIL = """
import sys, os, time, runpy
from lsp_server.context import parsing
whole = parsing.parse
def parse(request, files):
    if "crash" in request.path:
        os._exit(9)
    if "hang" in request.path:
        time.sleep(60)
    return whole(request, files)
parsing.parse = parse
parsing.main()
"""


def frail(tmp_path: Path, parse_s: float = DEADLINE_S) -> Parser:
    script = tmp_path / "frail.txt"
    script.write_text(FRAIL)
    return Parser((sys.executable, str(script)), parse_s)


@pytest.mark.parametrize("bad", ["crash", "hang"])
async def test_a_file_that_ends_the_process_is_left_out_and_the_others_are_not(tmp_path: Path, bad: str) -> None:
    names = [f"{number}.py" for number in range(30)]
    names[3] = names[17] = f"{bad}.py"
    names[18] = f"{bad}2.py"
    for name in names:
        write(tmp_path / name, "f")
    parser = frail(tmp_path, 2.5 if bad == "hang" else DEADLINE_S)
    parsed = dict(parser.parse(tmp_path, names))
    assert list(parsed) == list(dict.fromkeys(names))
    assert {name for name, file in parsed.items() if file is None or not file.chunks} == {f"{bad}.py", f"{bad}2.py"}
    pid = parser.pid
    assert len(list(parser.parse(tmp_path, names))) == 30
    assert parser.pid == pid, "the files are known now"
    parser.close()


async def test_answers_that_nobody_waits_for_are_not_taken_for_others(tmp_path: Path) -> None:
    for number in range(30):
        write(tmp_path / f"{number}.py", f"f{number}")
    parser = Parser()
    some = parser.parse(tmp_path, [f"{number}.py" for number in range(20)])
    next(some)
    some.close()
    parsed = dict(parser.parse(tmp_path, ["25.py", "26.py"]))
    assert [file.symbols[0].name for file in parsed.values() if file] == ["f25", "f26"]
    parser.close()


async def test_two_processes_build_what_one_file_after_the_other_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsers, "_MANY_FILES", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for number in range(150):
        write(tmp_path / f"d{number % 7}" / f"{number}.py", f"f{number}")
    for path in Path(parsers.__file__).parent.glob("*.py"):
        shutil.copy(path, tmp_path)
    (tmp_path / "key.py").write_text(f"quokka = '{PRIVATE_KEY}'\n")
    (tmp_path / "broken.ts").write_text("interface I { m(): void\nfunction größe() {\n")
    slowly = store.open_store(None)
    for name, stamp in files.list_files(tmp_path, ()).items():
        slowly.update([parse_data(name, stamp, (tmp_path / name).read_bytes())])
    async with indexed(tmp_path) as made:
        built = made._folders[0]._store
        assert built is not None
        assert everything(built) == everything(slowly)
        assert made._parser._first.pid is not None
        assert made._parser._second.pid is None, "it is needed no more"
    slowly.close()


async def test_nobody_else_pays_for_a_file_that_another_found_to_kill(tmp_path: Path) -> None:
    names = ["a.py", "crash.py", "b.py"]
    for name in names:
        write(tmp_path / name, "f")
    killers: dict[tuple[Path, str], files.Stamp | None] = {}
    parser = Parser(frail(tmp_path)._command, killers=killers)
    parsed = parser.parse(tmp_path, names)
    name, _ = next(parsed)  # all are sent by now
    killers[tmp_path, "crash.py"] = files.stamp_of(tmp_path / "crash.py")
    left_out = {name for name, file in parsed if file is None or not file.chunks}
    assert (name, left_out) == ("a.py", {"crash.py"})
    parser.close()


async def test_the_two_leave_out_what_ends_either_and_close_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    names = [f"{number}.py" for number in range(120)]
    names[3] = names[4] = names[60] = "crash.py"
    for name in names:
        write(tmp_path / name, "f")
    both = Parsers()
    for each in (both._first, both._second):
        each._command = frail(tmp_path)._command
    for _ in range(2):
        parsed = list(both.parse(tmp_path, names))
        assert sorted(name for name, _ in parsed) == sorted(names)
        assert {name for name, file in parsed if file is None or not file.chunks} == {"crash.py"}
    half = both.parse(tmp_path, names)
    next(half)
    both.close()
    with pytest.raises(ParserClosedError):
        list(half)
    assert both._first.pid is both._second.pid is None


async def test_a_process_that_cannot_start_is_said(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a")
    for command in [
        ("/no/such/program",),
        (sys.executable, "-c", "pass"),
        (sys.executable, "-c", "print('hello there')"),
    ]:
        parser = Parser(command)
        with pytest.raises(ParserUnavailableError, match="cannot be started"):
            list(parser.parse(tmp_path, ["a.py"]))
        parser.close()


async def test_the_process_ends_with_whoever_started_it(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a")
    script = (
        "import os, signal, sys; from pathlib import Path; from lsp_server.context.parser import Parser\n"
        "parser = Parser(); list(parser.parse(Path(sys.argv[1]), ['a.py'])); print(parser.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    pid = int(output_of(script, str(tmp_path)))

    def is_gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
        except OSError:
            return True

    if sys.platform == "linux":
        await until(is_gone)


async def test_it_loads_no_grammar_that_nobody_asks_for(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a")
    script = (
        "import json, sys; from pathlib import Path; from lsp_server.context.parsing import Request, parse\n"
        "from lsp_server.context.kept import KeptFiles\n"
        "parse(Request(sys.argv[1], 'a.py'), KeptFiles()); print(json.dumps(sorted(sys.modules)))"
    )
    modules = json.loads(output_of(script, str(tmp_path)))
    assert {name for name in modules if name.startswith("tree_sitter_") and "." not in name} == {"tree_sitter_python"}
    assert not {"pygls", "lsprotocol", "sqlite3", "asyncio"} & set(modules)


# Watching

linux = pytest.mark.skipif(sys.platform != "linux", reason="watches with inotify")


async def test_changes_are_seen_without_a_client_that_tells(tmp_path: Path) -> None:
    changed = write(tmp_path / "d" / "changed.py", "old")
    async with indexed(tmp_path, watches=True) as made:
        write(changed, "renamed")
        await until_defined(made, "renamed", ["changed.py"])
        write(tmp_path / "new" / "deep" / "file.py", "deep")
        await until_defined(made, "deep", ["file.py"])
        write(tmp_path / "new" / "deep" / "file.py", "deeper")
        await until_defined(made, "deeper", ["file.py"])
        (tmp_path / "new").rename(tmp_path / "moved")
        await until_defined(made, "deeper", ["file.py"])
        os.replace(write(tmp_path / "other.tmp", "atomic"), changed)
        await until_defined(made, "atomic", ["changed.py"])
        changed.unlink()
        await until_defined(made, "atomic", [])


async def test_a_storm_of_renames_loses_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a")
    async with indexed(tmp_path, watches=True) as made:
        for number in range(1_500):
            os.replace(write(tmp_path / "tmp", f"f{number}"), tmp_path / f"f{number}.py")
        for number in range(0, 1_500, 50):
            await until_defined(made, f"f{number}", [f"f{number}.py"])
        await until_defined(made, "f1499", ["f1499.py"])


async def test_a_change_of_branch_is_seen(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    write(tmp_path / "a.py", "on_main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    git(tmp_path, "checkout", "-qb", "other")
    write(tmp_path / "a.py", "on_other")
    git(tmp_path, "commit", "-qam", "two")
    async with indexed(tmp_path, watches=True) as made:
        git(tmp_path, "checkout", "-q", "main")
        await until_defined(made, "on_main", ["a.py"])
        git(tmp_path, "checkout", "-q", "other")
        await until_defined(made, "on_other", ["a.py"])


@linux
async def test_ignored_folders_are_not_watched(tmp_path: Path) -> None:
    write(tmp_path / "src" / "a.py", "a")
    write(tmp_path / "node_modules" / "x" / "b.py", "b")
    (tmp_path / "empty").mkdir()
    async with indexed(tmp_path, watches=True) as made:
        watcher = made._watcher
        assert watcher is not None
        await until(lambda: bool(watcher._watched))
        assert watcher._watched == {tmp_path: {str(tmp_path), str(tmp_path / "src")}}


async def test_closing_at_any_moment(tmp_path: Path) -> None:
    for number in range(100):
        write(tmp_path / f"f{number}.py", f"f{number}")
    for delay_s in (0.0, 0.05, 0.2, 0.4):
        made = WorkspaceIndex([tmp_path], (), Heard(), watches=True)
        made.start()
        await asyncio.sleep(delay_s)
        asking = asyncio.gather(*(made.search("quokka") for _ in range(20)), return_exceptions=True)
        await made.close()
        await asking
        assert await made.search("quokka") == []
