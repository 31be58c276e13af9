"""`hearthline init EDITOR`: prints what an editor has to be told, or writes it where that takes nothing from anybody.

Invariant: a file that is there is only added to, and only where it does not speak of hearthline yet; what would be
added is shown before, and somebody says yes. The words are data, in `editors_setup`.
"""

import difflib
import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from rich.text import Text

from lsp_server.commands.terminal import answers, fail

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class Setup:
    """What one editor is told. before, after: words for a person around `text`, which is for the editor.

    files: where it belongs, the first that exists; none where it is not to be written. way: "create" or "append".
    clashes: a pattern of what the text would contradict. needs: the folder of ours that must be here.
    """

    title: str
    before: str
    text: str
    after: str = ""
    files: Sequence[str] = ()
    way: str = "create"
    clashes: str = ""
    needs: str = ""


def run(editor: str, *, write: bool, yes: bool) -> int:
    """Print the configuration of `editor`, or write it. Exit code 1 where it should be written and was not."""
    setup = load(editor)
    if setup.needs and not (editors_folder() / setup.needs).is_dir():
        return fail(f"{editors_folder() / setup.needs} is not here; reinstall hearthline, it belongs to it")
    path = _target(setup)
    if not write or path is None:
        _show(setup, path)
        return fail(f"what {setup.title} needs is not in a file that could be written") if write else 0
    try:
        existing = path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        return fail(f"{path} cannot be read ({error}); add by hand what `hearthline init {editor}` prints")
    if existing is not None and "hearthline" in existing:
        answers().print(f"{path} speaks of hearthline already; nothing is changed.", markup=False, soft_wrap=True)
        return 0
    addition, problem = planned(setup, existing)
    if problem:
        _show(setup, path)
        return fail(f"{path} {problem}; it is left as it is, add the lines above by hand")
    _show_difference(path, existing or "", addition)
    if not yes and not _is_confirmed():
        return fail("nothing was written; --yes says yes beforehand")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a" if existing is not None else "x", encoding="utf-8") as file:
        file.write(addition)
    answers().print(f"{path} is written. {setup.after}".rstrip(), markup=False, soft_wrap=True)
    return 0


def load(editor: str) -> Setup:
    """Read what `editor` is told, with the paths of this installation in it."""
    file = resources.files("lsp_server.commands.editors_setup").joinpath(f"{editor}.toml")
    values = tomllib.loads(file.read_text(encoding="utf-8"))
    for key, value in values.items():
        if key in ("before", "after", "text"):
            values[key] = value.strip("\n")
    # Lua, Emacs Lisp, TOML and JSON agree on how a quote and a backslash stand in a string.
    for name, path in (("{command}", _command()), ("{editors}", str(editors_folder()))):
        values["text"] = values["text"].replace(name, json.dumps(path, ensure_ascii=False)[1:-1])
    return Setup(**values)


def planned(setup: Setup, existing: str | None) -> tuple[str, str]:
    """Return what is to be added to a file with the text `existing`, and why it cannot be, or ""."""
    if existing is None or not existing.strip():
        return setup.text + "\n", ""
    if setup.way == "create":
        return "", "is there already and cannot just be added to"
    if setup.clashes and re.search(setup.clashes, existing, re.MULTILINE):
        return "", "says something about the same languages already"
    gap = "\n" if existing.endswith("\n") else "\n\n"
    return gap + setup.text + "\n", ""


def editors_folder() -> Path:
    """Return where the parts of Hearthline lie that run in editors: in the package, or beside it in the repository."""
    package = Path(__file__).parent.parent
    installed = package / "editors"
    return installed if installed.is_dir() else package.parent / "editors"


def _command() -> str:
    """Return the path of `hearthline`: editors that a desktop starts have another PATH than a terminal."""
    beside = Path(sys.executable).parent / "hearthline"
    return shutil.which("hearthline") or str(beside)


def _target(setup: Setup) -> Path | None:
    paths = [Path(_expanded(name)).expanduser() for name in setup.files]
    return next((path for path in paths if path.exists()), paths[0] if paths else None)


def _expanded(name: str) -> str:
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    sublime = "~/Library/Application Support/Sublime Text" if sys.platform == "darwin" else f"{config}/sublime-text"
    return name.replace("{config}", config).replace("{sublime}", sublime)


def _show(setup: Setup, path: Path | None) -> None:
    console = answers()
    where = [f"In {path}:"] if path else []
    for part in (f"{setup.title}. {setup.before}", *where, setup.text, setup.after):
        if part:
            console.print(part, markup=False, highlight=False, soft_wrap=True)
            console.print()


def _show_difference(path: Path, existing: str, addition: str) -> None:
    console = answers()
    before, after = existing.splitlines(), (existing + addition).splitlines()
    for line in difflib.unified_diff(before, after, str(path), str(path), lineterm=""):
        console.print(Text(line, _STYLES.get(line[:1], "")), soft_wrap=True)


def _is_confirmed() -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stdout.write("Write this? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
