"""A VS Code for the tests: code-server with a Node of its own, and a Chromium to look at it with.

Owns the `vscode` folder in the cache of `hearthline-tests`. Invariant: what lies there is used only once its last step,
the marker file, is done and names the versions wanted; anything else is thrown away and made anew. A lock makes
concurrent test runs wait for one install. No package's own program runs while it is installed, so nothing is compiled
and nothing is fetched from anywhere but npm's registry: what VS Code misses then is Kerberos and a faster log.
"""

import fcntl
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

NODE = "24.21.0"
CODE_SERVER = "4.139.1"
"""VS Code 1.139.1."""
CHROMIUM = "153.0.0"
"""Of the package that brings one where the machine has none."""

_LEAST_NODE = 22
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_STEP_TIMEOUT_S = 600
# Told that it runs where it is usual, the package unpacks the libraries as well that a bare machine lacks.
_UNPACK = 'import("@sparticuz/chromium").then((module) => module.default.executablePath())'
_UNPACK_ENVIRONMENT = {"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs24.x"}


class VSCodeUnavailableError(Exception):
    """No VS Code can be had here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class VSCode:
    """What it takes to run VS Code. server: code-server's entry, which `node` runs.

    browser_libraries: what `browser` needs of a folder of its own, None for one of the machine's.
    """

    node: Path
    server: Path
    browser: Path
    browser_libraries: Path | None

    @property
    def environment(self) -> dict[str, str]:
        """The process's environment, with this Node in front."""
        return _with_node(self.node)


def find_vscode() -> VSCode:
    """Return what runs VS Code, fetching it where that is possible. Raises VSCodeUnavailableError."""
    folder = platformdirs.user_cache_path("hearthline-tests", appauthor=False) / "vscode"
    on_path = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    versions = {"node": NODE, "code-server": CODE_SERVER} | ({} if on_path else {"chromium": CHROMIUM})
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_suffix(".lock")):
            if not versions.items() <= _installed(folder).items():
                shutil.rmtree(folder, ignore_errors=True)
                _install(folder, versions)
    except OSError as error:
        raise VSCodeUnavailableError(f"VS Code cannot be installed into {folder}: {error}") from error
    browser = Path(on_path) if on_path else folder / "chromium/chromium"
    libraries = None if on_path else folder / "chromium/al2023/lib"
    return VSCode(_node(folder), _code_server(folder) / "out/node/entry.js", browser, libraries)


def find_node() -> Path | None:
    """Return a Node that can test the extension: the one that was fetched, or the machine's; fetches nothing."""
    fetched = _node(platformdirs.user_cache_path("hearthline-tests", appauthor=False) / "vscode")
    own = shutil.which("node")
    return next((node for node in (fetched, Path(own) if own else None) if node and _is_new_enough(node)), None)


def npm(vscode: VSCode, folder: Path, *words: str) -> str:
    """Run npm in `folder` with the Node of `vscode`; return what it printed. Raises VSCodeUnavailableError."""
    return _npm(folder, words, vscode.environment)


def _is_new_enough(node: Path) -> bool:
    """Tell whether a Node runs TypeScript by itself."""
    try:
        version = _run([str(node), "--version"], Path.cwd(), dict(os.environ))
    except VSCodeUnavailableError:
        return False
    return int(version.lstrip("v").partition(".")[0]) >= _LEAST_NODE


def _install(folder: Path, versions: Mapping[str, str]) -> None:
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system())
    machine = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    if shutil.which("npm") is None or system is None or machine is None:
        raise VSCodeUnavailableError("VS Code is fetched by npm, on Linux and macOS; put Node with npm on PATH")
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    node_package = f"node@npm:node-{system}-{machine}@{versions['node']}"
    add = ("install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--force", "--loglevel=error")
    _npm(folder, (*add, node_package, f"code-server@{versions['code-server']}"), dict(os.environ))
    environment = _with_node(_node(folder))
    inside = _code_server(folder) / "lib/vscode"
    for place in (inside, inside / "extensions"):
        _npm(place, (*add, "--omit=dev"), environment)
    if "chromium" in versions:
        _install_chromium(folder / "chromium", versions["chromium"], add, environment)
    (folder / "complete.json").write_text(json.dumps(versions))


def _install_chromium(folder: Path, version: str, add: tuple[str, ...], environment: dict[str, str]) -> None:
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    _npm(folder, (*add, f"@sparticuz/chromium@{version}"), environment)
    _run(["node", "-e", _UNPACK], folder, environment | _UNPACK_ENVIRONMENT | {"TMPDIR": str(folder)})


def _npm(folder: Path, words: tuple[str, ...], environment: dict[str, str]) -> str:
    return _run(["npm", *words], folder, environment)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run a step and return what it printed. Raises VSCodeUnavailableError with the step's last words."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_STEP_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VSCodeUnavailableError(f"{' '.join(command[:2])} in {folder} failed: {error}") from error
    if done.returncode:
        words = (done.stdout + done.stderr).strip()[-2000:]
        raise VSCodeUnavailableError(f"{' '.join(command[:2])} in {folder} failed:\n{words}")
    return done.stdout


def _with_node(node: Path) -> dict[str, str]:
    return os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def _node(folder: Path) -> Path:
    return folder / "node_modules/node/bin/node"


def _code_server(folder: Path) -> Path:
    return folder / "node_modules/code-server"


def _installed(folder: Path) -> dict[str, str]:
    """Return the versions of what lies whole in `folder`."""
    try:
        versions: dict[str, str] = json.loads((folder / "complete.json").read_text())
    except (OSError, ValueError):
        return {}
    return versions


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Install it, and say so; or say why not, which is no failure of the tests of anything else."""
    try:
        found = find_vscode()
    except VSCodeUnavailableError as error:
        print(f"no VS Code to test in: {error}")
        return 1
    print(f"VS Code: {found.server.parents[2]}, {found.browser}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
