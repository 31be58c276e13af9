"""A Neovim of at least 0.12 for the tests: the machine's own, or one unpacked beside the system.

Owns the `neovim` folder in the cache of `hearthline-tests`. Invariant: what lies there is used only once its last
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
from pathlib import Path

import platformdirs

MINIMUM = (0, 12)
_WANTED = ".".join(map(str, MINIMUM))
_ADVICE = f"put Neovim {_WANTED} or newer on PATH"
_SUITE = "sid"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_STEP_TIMEOUT_S = 300


class NeovimUnavailableError(Exception):
    """No Neovim new enough can be had here; the message says why and what to do."""


def find_neovim() -> Path:
    """Return the path of a runnable Neovim of at least MINIMUM, fetching one where that is possible.

    Raises NeovimUnavailableError.
    """
    on_path = shutil.which("nvim")
    if on_path and _is_new_enough(Path(on_path)):
        return Path(on_path)
    folder = platformdirs.user_cache_path("hearthline-tests", appauthor=False) / "neovim"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_suffix(".lock")):
            if not _is_complete(folder):
                shutil.rmtree(folder, ignore_errors=True)
                _install(folder)
    except OSError as error:
        raise NeovimUnavailableError(f"Neovim cannot be unpacked into {folder}: {error}") from error
    return _launcher(folder)


def _is_new_enough(nvim: Path) -> bool:
    """Tell whether an executable runs and is a Neovim of at least MINIMUM."""
    try:
        done = subprocess.run([nvim, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    match = re.match(r"NVIM v(\d+)\.(\d+)", done.stdout)
    return match is not None and (int(match[1]), int(match[2])) >= MINIMUM


def _install(folder: Path) -> None:
    tools = _require_tools()
    apt = folder / "apt"
    _write_apt_state(apt, _debian_mirror())
    environment = os.environ | {"APT_CONFIG": str(apt / "apt.conf")}
    _run(["apt-get", "update"], "its package list cannot be fetched", environment)
    # The empty package database makes apt resolve everything down to the C library, so that nothing of the
    # system's own (older) libraries is mixed in.
    _run(["apt-get", "--yes", "--download-only", "install", "neovim"], "it cannot be downloaded", environment)
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(package), str(folder)], f"{package.name} cannot be unpacked")
    shutil.rmtree(apt)
    _bind_to_own_libraries(folder, tools["patchelf"])
    if not _is_new_enough(_launcher(folder)):
        raise NeovimUnavailableError(f"the Neovim unpacked into {folder} does not run, or is older than {_WANTED}")
    _marker(folder).touch()


def _require_tools() -> dict[str, str]:
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise NeovimUnavailableError(f"{_ADVICE}; it is fetched only on x86-64 Linux")
    scripts = sysconfig.get_path("scripts")
    tools = {}
    for name in ("apt-get", "dpkg-deb", "patchelf"):
        path = shutil.which(name, path=f"{scripts}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
        if path is None:
            raise NeovimUnavailableError(f"{_ADVICE}; fetching it needs {name}, which is not here")
        tools[name] = path
    if not _KEYRING.is_file():
        raise NeovimUnavailableError(f"{_ADVICE}; fetching it needs the keys of Debian's archive, {_KEYRING}")
    return tools


def _debian_mirror() -> str:
    """Return the address this machine gets its release of Debian from, as its own apt configuration has it."""
    listing = _run(
        ["apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"],
        "apt's sources cannot be read",
    )
    try:
        codename = platform.freedesktop_os_release().get("VERSION_CODENAME")
    except OSError:
        codename = None
    for line in listing.splitlines():
        address, release, component = line.rsplit(" ", 2)
        if (release, component) == (codename, "main"):
            return address
    raise NeovimUnavailableError(
        f"{_ADVICE}; apt's sources name no archive of this system's own release to fetch it from"
    )


def _write_apt_state(folder: Path, mirror: str) -> None:
    """Make a state for apt that knows one suite and no installed package, with the system's own way to the network."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {mirror} {_SUITE} main\n")
    # Proxies and the like are carried over; hooks and extra index files of the system's configuration are not.
    settings = [
        line
        for line in _run(["apt-config", "dump"], "apt's settings cannot be read").splitlines()
        if line.startswith("Acquire::") and not line.startswith("Acquire::IndexTargets")
    ]
    places = {
        "Dir::State": folder,
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Install-Recommends": "false",
        "APT::Update::Error-Mode": "any",
        # As root apt would download as another user, who cannot enter this user's cache folder.
        "APT::Sandbox::User": "root",
    }
    settings += [f'{name} "{value}";' for name, value in places.items()]
    (folder / "apt.conf").write_text("\n".join(settings) + "\n")


def _bind_to_own_libraries(folder: Path, patchelf: str) -> None:
    """Make the unpacked executable use the unpacked loader and libraries, and start it through one script."""
    executable = folder / "usr/bin/nvim"
    libraries = folder / _LIBRARIES
    loader = libraries / "ld-linux-x86-64.so.2"
    _run(
        [patchelf, "--set-interpreter", str(loader), "--force-rpath", "--set-rpath", str(libraries), str(executable)],
        "it cannot be bound to its own libraries",
    )
    launcher = _launcher(folder)
    runtime = folder / "usr/share/nvim/runtime"
    launcher.write_text(f"#!/bin/sh\nVIMRUNTIME='{runtime}' exec '{executable}' \"$@\"\n")
    launcher.chmod(0o755)


def _run(command: list[str], failure: str, environment: dict[str, str] | None = None) -> str:
    """Run a step and return what it printed. Raises NeovimUnavailableError with `failure` and the step's last words."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=_STEP_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NeovimUnavailableError(f"Neovim: {failure}: {error}") from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise NeovimUnavailableError(f"Neovim: {failure}: {last[0]}")
    return done.stdout


def _is_complete(folder: Path) -> bool:
    return _marker(folder).exists() and _is_new_enough(_launcher(folder))


def _marker(folder: Path) -> Path:
    return folder / "complete"


def _launcher(folder: Path) -> Path:
    return folder / "nvim"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
