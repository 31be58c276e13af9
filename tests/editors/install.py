"""Editors for the tests: the machine's own, or Debian's or Ubuntu's packages unpacked beside the system.

Owns a folder for each editor in the cache of `hearthline-tests`. Invariant: what lies there is used only once its last
step, the marker file, is done; a half-finished install is thrown away and made anew. A lock makes concurrent test
runs wait for one install instead of making two. The system's packages and its apt state are never touched.
"""

import fcntl
import os
import platform
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tests.editors.apt import debian, ubuntu, write_apt_state

LIBRARIES = "usr/lib/x86_64-linux-gnu"
_STEP_TIMEOUT_S = 300

Version = tuple[int, ...]


class EditorUnavailableError(Exception):
    """No editor of the wanted version can be had here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Editor:
    """One editor and where it comes from.

    name: its folder in the cache. command: what it is called on PATH. at_least, below: the versions wanted, as
    `version` (a pattern with a group for each number) reads them from what `--version` prints.
    suite, package: of Debian, or of Ubuntu where no release of Debian has it. executable: in the package.
    environment: what it must be told once it lies elsewhere, `{folder}` standing for the place.
    dump: a pattern for the file of the package that Emacs is restored from.
    """

    name: str
    title: str
    command: str
    version: str
    at_least: Version
    below: Version
    suite: str
    package: str
    executable: str
    environment: tuple[tuple[str, str], ...] = ()
    dump: str | None = None
    is_ubuntu: bool = False

    @property
    def advice(self) -> str:
        """What a person can do who has none."""
        oldest, newest = (".".join(map(str, version)) for version in (self.at_least, self.below))
        return f"put {self.title} of at least {oldest} and below {newest} on PATH"


NEOVIM = Editor(
    name="neovim",
    title="Neovim",
    command="nvim",
    version=r"NVIM v(\d+)\.(\d+)",
    at_least=(0, 12),
    below=(1,),
    suite="sid",
    package="neovim",
    executable="usr/bin/nvim",
    environment=(("VIMRUNTIME", "{folder}/usr/share/nvim/runtime"),),
)
# Before 0.12 some of what it needs lies beside it.
_NEOVIM_WITH_LUA = (
    ("VIMRUNTIME", "{folder}/usr/share/nvim/runtime"),
    ("LUA_PATH", "{folder}/usr/share/lua/5.1/?.lua;;"),
    ("LUA_CPATH", f"{{folder}}/{LIBRARIES}/lua/5.1/?.so;;"),
)
NEOVIM_0_11 = Editor(
    name="neovim-0.11",
    title="Neovim",
    command="nvim",
    version=r"NVIM v(\d+)\.(\d+)",
    at_least=(0, 11),
    below=(0, 12),
    suite="resolute",
    package="neovim",
    executable="usr/bin/nvim",
    environment=_NEOVIM_WITH_LUA,
    is_ubuntu=True,
)
NEOVIM_0_10 = Editor(
    name="neovim-0.10",
    title="Neovim",
    command="nvim",
    version=r"NVIM v(\d+)\.(\d+)",
    at_least=(0, 10),
    below=(0, 11),
    suite="trixie",
    package="neovim",
    executable="usr/bin/nvim",
    environment=_NEOVIM_WITH_LUA,
)
EMACS = Editor(
    name="emacs",
    title="Emacs",
    command="emacs",
    version=r"GNU Emacs (\d+)",
    at_least=(30,),
    below=(32,),
    suite="trixie",
    package="emacs-nox",
    executable="usr/bin/emacs-nox",
    environment=(
        ("EMACSLOADPATH", "{folder}/usr/share/emacs/30.1/lisp"),
        ("EMACSDATA", "{folder}/usr/share/emacs/30.1/etc"),
        ("EMACSDOC", "{folder}/usr/share/emacs/30.1/etc"),
        ("EMACSPATH", "{folder}/usr/libexec/emacs/30.1/x86_64-linux-gnu"),
    ),
    dump="usr/libexec/emacs/30.1/x86_64-linux-gnu/*.pdmp",
)
HELIX = Editor(
    name="helix",
    title="Helix",
    command="hx",
    version=r"helix (\d+)\.(\d+)",
    at_least=(25, 1),
    below=(27,),
    suite="sid",
    package="hx",
    executable="usr/lib/hx/hx",
    environment=(("HELIX_RUNTIME", "{folder}/usr/lib/hx/runtime"),),
)


def find_editor(editor: Editor) -> Path:
    """Return the path of a runnable `editor`, fetching it where that is possible.

    Raises EditorUnavailableError.
    """
    on_path = shutil.which(editor.command)
    if on_path and _is_wanted(editor, Path(on_path)):
        return Path(on_path)
    folder = platformdirs.user_cache_path("hearthline-tests", appauthor=False) / editor.name
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(f"{editor.name}.lock")):
            if not _is_complete(editor, folder):
                shutil.rmtree(folder, ignore_errors=True)
                _install(editor, folder)
    except OSError as error:
        raise EditorUnavailableError(f"{editor.title} cannot be unpacked into {folder}: {error}") from error
    return _launcher(editor, folder)


def _is_wanted(editor: Editor, executable: Path) -> bool:
    """Tell whether an executable runs and is of a wanted version."""
    try:
        done = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    match = re.match(editor.version, done.stdout)
    return match is not None and editor.at_least <= tuple(map(int, match.groups())) < editor.below


def _install(editor: Editor, folder: Path) -> None:
    patchelf = _require_tools(editor)["patchelf"]

    def run(command: list[str], failure: str, environment: dict[str, str] | None = None) -> str:
        return _run(editor, command, failure, environment)

    apt = folder / "apt"
    try:
        archive = ubuntu(apt / "ubuntu", run) if editor.is_ubuntu else debian(run)
        environment = write_apt_state(apt, archive, editor.suite, run)
    except LookupError as error:
        raise EditorUnavailableError(f"{editor.advice}; {error}") from error
    run(["apt-get", "update"], "its package list cannot be fetched", environment)
    # The empty package database makes apt resolve everything down to the C library, so that nothing of the
    # system's own (older) libraries is mixed in.
    run(["apt-get", "--yes", "--download-only", "install", editor.package], "it cannot be downloaded", environment)
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        run(["dpkg-deb", "--extract", str(package), str(folder)], f"{package.name} cannot be unpacked")
    shutil.rmtree(apt)
    executable, libraries = folder / editor.executable, folder / LIBRARIES
    loader = libraries / "ld-linux-x86-64.so.2"
    run(
        [patchelf, "--set-interpreter", str(loader), "--force-rpath", "--set-rpath", str(libraries), str(executable)],
        "it cannot be bound to its own libraries",
    )
    _write_launcher(editor, folder)
    if not _is_wanted(editor, _launcher(editor, folder)):
        raise EditorUnavailableError(f"{editor.title}: what was unpacked into {folder} does not run; {editor.advice}")
    _marker(folder).touch()


def _require_tools(editor: Editor) -> dict[str, str]:
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise EditorUnavailableError(f"{editor.advice}; it is fetched only on x86-64 Linux")
    scripts = sysconfig.get_path("scripts")
    tools = {}
    for name in ("apt-get", "dpkg-deb", "patchelf"):
        path = shutil.which(name, path=f"{scripts}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
        if path is None:
            raise EditorUnavailableError(f"{editor.advice}; fetching it needs {name}, which is not here")
        tools[name] = path
    return tools


def _write_launcher(editor: Editor, folder: Path) -> None:
    """Write the one script that starts what was unpacked into `folder`."""
    settings = " ".join(f"{name}='{value.format(folder=folder)}'" for name, value in editor.environment)
    dumps = folder.glob(editor.dump) if editor.dump else ()
    arguments = " ".join(f"'--dump-file={dump}'" for dump in dumps)
    launcher = _launcher(editor, folder)
    launcher.write_text(f"#!/bin/sh\n{settings} exec '{folder / editor.executable}' {arguments} \"$@\"\n")
    launcher.chmod(0o755)


def _run(editor: Editor, command: list[str], failure: str, environment: dict[str, str] | None) -> str:
    """Run a step and return what it printed. Raises EditorUnavailableError with `failure` and the step's last words."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=_STEP_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EditorUnavailableError(f"{editor.title}: {failure}: {error}") from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise EditorUnavailableError(f"{editor.title}: {failure}: {last[0]}")
    return done.stdout


def _is_complete(editor: Editor, folder: Path) -> bool:
    return _marker(folder).exists() and _is_wanted(editor, _launcher(editor, folder))


def _marker(folder: Path) -> Path:
    return folder / "complete"


def _launcher(editor: Editor, folder: Path) -> Path:
    return folder / editor.command


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
