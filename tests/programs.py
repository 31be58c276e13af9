"""Test programs for the tests: vitest, jest, Node of a version that runs TypeScript; each in a folder of its own.

Owns the folder `programs` in the cache of `hearthline-tests`. Invariant: what lies there is used only once it was
renamed to its last name, whole; what a package brings along to be run while it is installed is not run.
"""

import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs

NODE = "24.21.0"
PACKAGES = {"vitest": ("5.1.1", "3.2.4"), "jest": ("30.5.2",)}
"""The newest, and a vitest from before its options changed."""

_NPM = ("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--force", "--loglevel=error")
_STEP_TIMEOUT_S = 300
_OF_LAST_WORDS = 1_000
_NO_WAY = re.compile(r"\b(?:ENOTFOUND|EAI_AGAIN|E?TIMEDOUT|ECONN\w+|ENETUNREACH|\w*CERT\w*)\b")
_cut_off: list[str] = []
"""What npm said when it reached nothing, in this process."""


class ProgramUnavailableError(Exception):
    """A program cannot be had here; the message says why."""


def find_node() -> Path:
    """Return the folder with the `node` of this version, fetched once. Raises ProgramUnavailableError."""
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system())
    machine = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    if system is None or machine is None:
        raise ProgramUnavailableError(f"no Node is fetched for {platform.system()} on {platform.machine()}")
    package = f"node@npm:node-{system}-{machine}@{NODE}"
    return _fetched(f"node-{NODE}", package) / "node_modules/node/bin"


def find_modules(name: str, version: str) -> Path:
    """Return a `node_modules` with this version of `name`, fetched once. Raises ProgramUnavailableError."""
    return _fetched(f"{name}-{version}", f"{name}@{version}") / "node_modules"


def _fetched(name: str, package: str) -> Path:
    folder = platformdirs.user_cache_path("hearthline-tests", appauthor=False) / "programs" / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    if shutil.which("npm") is None:
        raise ProgramUnavailableError(f"{name} is fetched by npm, which is not here")
    if _cut_off:  # npm tries for a minute each time
        raise ProgramUnavailableError(f"{name} is fetched by npm, which reached nothing before: {_cut_off[0]}")
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        _fetch(name, package, Path(place) / name)
        if not folder.is_dir():  # another run was quicker
            (Path(place) / name).rename(folder)
    return folder


def _fetch(name: str, package: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    try:
        done = subprocess.run(
            [*_NPM, package],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_STEP_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ProgramUnavailableError(f"{name} was not fetched within {_STEP_TIMEOUT_S} s") from error
    if done.returncode:
        words = (done.stdout + done.stderr)[-_OF_LAST_WORDS:]
        if _NO_WAY.search(words):
            _cut_off.append(words)
        raise ProgramUnavailableError(f"{name} cannot be fetched: {words}")


def take_modules(modules: Path, project: Path) -> None:
    """Put `modules` into `project`, as an install does: real files, since a sandbox sees nothing outside of it."""
    shutil.copytree(modules, project / "node_modules", symlinks=True, copy_function=_linked)


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
    return target
