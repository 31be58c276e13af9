"""Which files of a folder belong, with git and without, and which contents are fit."""

import os
import subprocess
from pathlib import Path

import pytest

from lsp_server.context import files
from lsp_server.context.files import MAX_FILE_BYTES, TooManyFilesError, fit_text, list_files


def write(folder: Path, *paths: str, text: str = "x = 1\n") -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture(params=["git", "plain"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give a folder, once in a repository and once not."""
    if request.param == "git":
        git(tmp_path, "init", "-q")
    return tmp_path


def listed(folder: Path, *exclude: str) -> list[str]:
    return sorted(list_files(folder, exclude))


def test_ignore_files_hold_at_every_depth(folder: Path) -> None:
    write(folder, "a.py", "b.log.py", "build/c.py", "d/e.py", "d/f.py", "d/g/h.py", "d/g/i.py", "dist.py", "dist/j.py")
    (folder / ".gitignore").write_text("*.log.py\nbuild/\n/dist\nh.py\n# note\n\n")
    (folder / "d" / ".gitignore").write_text("f.py\n!h.py\n")
    assert listed(folder) == ["a.py", "d/e.py", "d/g/h.py", "d/g/i.py", "dist.py"]


def test_own_ignore_files_and_settings_take_away_and_never_add(folder: Path) -> None:
    write(folder, "a.py", "gen/b.py", "gen/keep.py", "c/d.py", "c/e.py", "ignored.py", ".env")
    (folder / ".gitignore").write_text("ignored.py\n")
    (folder / ".hearthlineignore").write_text("gen/*\n!gen/keep.py\n!ignored.py\n!.env\n")
    (folder / "c" / ".hearthlineignore").write_text("e.py\n")
    assert listed(folder) == ["a.py", "c/d.py", "gen/keep.py"]
    assert listed(folder, "keep.py", "!ignored.py") == ["a.py", "c/d.py"]


def test_only_code_that_a_person_wrote(folder: Path) -> None:
    write(folder, "a.py", "data.bin", "notes.txt", "app.min.js", "package-lock.json", "uv.lock", "Makefile", "b.scala")
    write(folder, "empty.py", text="")
    write(folder, "huge.py", text="x = 1\n" * (MAX_FILE_BYTES // 5))
    assert listed(folder) == ["Makefile", "a.py", "b.scala"]


def test_links_are_not_followed_and_loops_not_walked(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    write(outside, "x.py")
    write(folder, "a/b.py")
    (folder / "a" / "loop").symlink_to(folder)
    (folder / "out").symlink_to(outside)
    (folder / "c.py").symlink_to(folder / "a" / "b.py")
    (folder / "gone.py").symlink_to("nowhere.py")
    os.mkfifo(folder / "pipe.py")
    assert listed(folder) == ["a/b.py"]


def test_names_of_every_kind(folder: Path) -> None:
    names = ["späce and ü.py", 'quo"te.py', "new\nline.py", "-dash.py", ":colon.py", "*star.py"]
    write(folder, *names)
    assert listed(folder) == sorted(names)
    assert sorted(list_files(folder, (), only=names)) == sorted(names)


def test_asking_for_some_files_alone(folder: Path) -> None:
    write(folder, "a.py", "d/b.py", "d/c.py", "build/x.py", "node_modules/y.py")
    (folder / ".gitignore").write_text("build/\nnode_modules/\n")
    assert sorted(list_files(folder, (), only=["d/b.py", "build/x.py", "node_modules/y.py", "no.py"])) == ["d/b.py"]


def test_a_tracked_file_belongs_although_it_is_ignored_but_a_secret_never(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, "a.py", "tracked.py", ".env", "config/.env.production.py", "deploy/id_rsa")
    git(tmp_path, "add", "-f", ".")
    (tmp_path / ".gitignore").write_text("tracked.py\n")
    assert listed(tmp_path) == ["a.py", "tracked.py"]


def test_submodules_worktrees_and_nested_repositories(tmp_path: Path) -> None:
    library, main = tmp_path / "library", tmp_path / "main"
    for repository in (library, main):
        repository.mkdir()
        git(repository, "init", "-q")
    write(library, "lib.py", "sub.dir/deep.py")
    git(library, "add", ".")
    git(library, "commit", "-qm", "one")
    write(main, "main.py")
    git(main, "submodule", "add", "-q", str(library), "vendor/library.js")
    git(main, "add", ".")
    git(main, "commit", "-qm", "one")
    (main / "nested").mkdir()
    git(main / "nested", "init", "-q")
    write(main, "nested/n.py", "nested/.gitignore", text="o.py\n")
    write(main, "nested/o.py")
    git(main, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    write(tmp_path / "tree", "new.py")

    everything = ["main.py", "nested/n.py", "vendor/library.js/lib.py", "vendor/library.js/sub.dir/deep.py"]
    assert listed(main) == everything
    assert listed(main / "nested") == ["n.py"]
    assert listed(tmp_path / "tree") == ["main.py", "new.py"]


def test_a_folder_that_git_ignores_as_a_whole_can_be_worked_in(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("scratch/\n")
    write(tmp_path, "scratch/a.py")
    assert listed(tmp_path / "scratch") == ["a.py"]


def test_without_the_git_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, "a.py", "b.py")
    (tmp_path / ".gitignore").write_text("b.py\n")
    monkeypatch.setenv("PATH", "")
    assert listed(tmp_path) == ["a.py"]


def test_a_repository_cannot_have_a_program_started(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, "a.py")
    git(tmp_path, "config", "core.fsmonitor", f"touch {tmp_path}/started; false")
    assert listed(tmp_path) == ["a.py"]
    assert not (tmp_path / "started").exists()


def test_ignore_files_that_are_nonsense(folder: Path) -> None:
    write(folder, "a.py", "b.py")
    (folder / ".hearthlineignore").write_bytes(b"!\n[\n\xff\xfe\n\nb.py\n")
    assert listed(folder) == ["a.py"]


def test_too_many_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILES", 3)
    write(folder, *(f"{number}.py" for number in range(4)))
    with pytest.raises(TooManyFilesError):
        list_files(folder, ())


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    assert list_files(tmp_path / "gone", ()) == {}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\r\nb\rc\n", "a\nb\nc\n"),
        (b"\xef\xbb\xbfa\n", "a\n"),
        ("ü\n".encode(), "ü\n"),
        (b"\xff\n", "\ufffd\n"),
        (b"a\0b\n", None),
        (b"x" * 8192 + b"\n" * 100 + b"\0", "x" * 8192 + "\n" * 100 + "\0"),
        (b"x" * 301, None),
        (b"x" * (MAX_FILE_BYTES + 1), None),
        (b"x\n" * (MAX_FILE_BYTES // 2), "x\n" * (MAX_FILE_BYTES // 2)),
    ],
)
def test_contents(data: bytes, text: str | None) -> None:
    assert fit_text(data) == text
