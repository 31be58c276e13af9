"""A home folder for an editor, with Hearthline in it where the pages under `editors/` expect it."""

import os
import re
import shlex
import sysconfig
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEARTHLINE = str(Path(sysconfig.get_path("scripts")) / "hearthline")

_XDG = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")


def make_home(folder: Path, server: Sequence[str]) -> dict[str, str]:
    """Make `folder` a home with `~/hearthline` in it, whose language server is `server`; return the environment.

    The environment is the process's own, but for the home and the editors' own variables.
    """
    folder.mkdir()
    command = folder / "hearthline" / ".venv" / "bin" / "hearthline"
    command.parent.mkdir(parents=True)
    folder.joinpath("hearthline", "editors").symlink_to(ROOT / "editors", target_is_directory=True)
    command.write_text(f'#!/bin/sh\n[ "$1" = lsp ] || exec {shlex.quote(HEARTHLINE)} "$@"\nexec {shlex.join(server)}\n')
    command.chmod(0o755)
    (folder / "runtime_dir").mkdir(mode=0o700)
    kept = {name: value for name, value in os.environ.items() if name not in {"NVIM", "NVIM_APPNAME"}}
    own = {name: str(folder / name.removeprefix("XDG_").lower()) for name in _XDG}
    return kept | own | {"HOME": str(folder), "LANG": "C.UTF-8"}


def configurations(page: str, language: str) -> list[str]:
    """Return the blocks of `language` on a page under `editors/`, in order."""
    text = (ROOT / "editors" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
