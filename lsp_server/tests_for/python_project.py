"""How a Python project is run: its interpreter, what that must be able to read, and how tests import a file of it.

Reads the project's folders, executes nothing of it. Invariant: an interpreter is taken from a place where environments
lie (`.venv`, `venv`, what the server's own environment names) or from PATH; no file of the project names one.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from lsp_server.tests_for.conventions_names import is_script
from lsp_server.tests_for.conventions_runner import folders_above

_FOLDERS = (".venv", "venv", "env", ".env")
_VARIABLES = ("VIRTUAL_ENV", "CONDA_PREFIX")
_SOURCE_FOLDERS = ("src", "lib")
_ASK_S = 10.0


@dataclass(frozen=True, slots=True)
class Interpreter:
    """path: what is executed. prefixes: the folders it is made of. packages: where what is installed for it lies."""

    path: Path
    prefixes: tuple[Path, ...]
    packages: tuple[Path, ...]

    def has(self, package: str) -> bool:
        """Tell whether `package` is installed."""
        return any((folder / package).is_dir() or (folder / f"{package}.py").is_file() for folder in self.packages)


def find_interpreter(workspace: Path, environment: Mapping[str, str], root: str = "") -> Interpreter:
    """Return the project's interpreter, else the one on PATH, else the server's own.

    root: the project's folder in `workspace`; several projects may share an environment in a folder above.
    """
    folders = [workspace / above / name for above in folders_above(f"{root}/_".lstrip("/")) for name in _FOLDERS]
    folders += [Path(environment[name]) for name in _VARIABLES if environment.get(name)]
    for folder in folders:
        found = _of_environment(folder)
        if found is not None:
            return found
    # Whoever is asked where it lies is executed, and not in the sandbox: nothing of the workspace.
    places = environment.get("PATH", "").split(os.pathsep)
    outside = [place for place in places if not Path(place).resolve().is_relative_to(workspace.resolve())]
    return _on_path(os.pathsep.join(outside)) or _own()


def _of_environment(folder: Path) -> Interpreter | None:
    """Return the interpreter of a virtual environment, by what its `pyvenv.cfg` says, or of a conda one."""
    path = folder / "bin" / "python"
    if not os.access(path, os.X_OK):
        return None
    prefixes = [folder]
    configuration = folder / "pyvenv.cfg"
    if configuration.is_file():
        found = re.search(r"^home\s*=\s*(.+?)\s*$", configuration.read_text(errors="replace"), re.MULTILINE)
        if found is not None and any(Path(found[1]).glob("python3*")):
            prefixes.append(Path(found[1]).parent)
    elif not (folder / "conda-meta").is_dir():
        return None
    prefixes.append(path.resolve().parent.parent)
    return Interpreter(path, tuple(dict.fromkeys(prefixes)), tuple(sorted(folder.glob("lib/python3*/site-packages"))))


@cache
def _on_path(path: str) -> Interpreter | None:
    """Ask the first Python on PATH where it lies: behind that name may be a script that chooses one."""
    for folder in path.split(os.pathsep):
        for name in ("python3", "python"):
            if os.path.isabs(folder) and os.access(os.path.join(folder, name), os.X_OK):
                asked = _ask(os.path.join(folder, name))
                if asked is not None:
                    return asked
    return None


def _ask(command: str) -> Interpreter | None:
    words = "import sys, site; print(sys.executable, sys.prefix, sys.base_prefix, *site.getsitepackages(), sep='\\n')"
    try:
        said = subprocess.run(
            [command, "-I", "-c", words], capture_output=True, text=True, timeout=_ASK_S, check=True, cwd="/"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    executable, *places = said.stdout.splitlines()
    prefixes = [*map(Path, places[:2]), Path(executable).resolve().parent.parent]
    return Interpreter(Path(executable), tuple(dict.fromkeys(prefixes)), tuple(map(Path, places[2:])))


def _own() -> Interpreter:
    prefixes = (Path(sys.prefix), Path(sys.base_prefix))
    return Interpreter(Path(sys.executable), tuple(dict.fromkeys(prefixes)), tuple(map(Path, sys.path)))


def find_module(workspace: Path, path: str, text: str = "", tests: Sequence[str] = ()) -> tuple[str, str]:
    """Return the folder that imports of the file `path`, which says `text`, begin in, and the name they import it by.

    Both paths are relative to `workspace`. tests: texts of tests of the project: a fitting name that one of them
    imports is the name.
    """
    parts = PurePosixPath(path).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts
    is_package = [(workspace.joinpath(*parts[:n]) / "__init__.py").exists() for n in range(len(parts))]
    said = {match for text in tests for match in re.findall(r"^\s*(?:from|import)\s+([\w.]+)", text, re.MULTILINE)}
    named = (n for n in range(len(parts)) if not is_package[n] and ".".join(parts[n:]) in said)
    start = next(named, None)
    if start is None and is_script(path, text, lambda each: (workspace / each).is_file()):
        start = len(parts) - 1
    if start is None:
        # Packages begin behind the last folder that is none; where there are no packages, at the root or in `src`.
        n_plain = max(n for n in range(len(parts)) if n == 0 or not is_package[n])
        has_packages = n_plain < len(parts) - 1
        start = n_plain if has_packages else int(len(parts) > 1 and parts[0] in _SOURCE_FOLDERS)
    return "/".join(parts[:start]), ".".join(parts[start:])
