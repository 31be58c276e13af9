"""A Neovim with the plugin of this repository, set up as its README says, away from the user's own configuration.

Owns the folder it is given: a home, the configuration in it and Neovim's state. `play` runs steps in a headless
Neovim; `command` and `environment` start one with a screen.
"""

import json
import os
import re
import shlex
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HEARTHLINE = str(Path(sysconfig.get_path("scripts")) / "hearthline")
_DRIVER = Path(__file__).parent / "neovim_driver.lua"
_README = ROOT / "editors" / "neovim" / "README.md"

_PLAY_TIMEOUT_S = 120.0

Step = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """One step of a play: whether its condition was met, what was there in the end, and after how many milliseconds."""

    step: Step
    ok: bool
    seen: Any
    ms: float


def unmet(results: Sequence[Result]) -> list[Result]:
    """Return the step that was not met, if there is one."""
    return [result for result in results if not result.ok]


class Neovim:
    """One installation of Neovim, with a home of its own in `folder`, that starts `server` as the language server.

    The configuration is what the README says, for Neovim 0.10 where `is_old`; `configuration`: Lua that comes after it.
    The environment is the process's own, but for the home.
    """

    def __init__(
        self,
        executable: Path,
        folder: Path,
        server: Sequence[str],
        configuration: str = "",
        *,
        is_old: bool = False,
    ) -> None:
        self.executable = executable
        self.folder = folder
        folder.mkdir()
        _install_hearthline(folder / "hearthline", server)
        self._init = folder / "init.lua"
        self._init.write_text("\n".join([_readme_configuration(is_old=is_old), configuration, ""]))

    @property
    def environment(self) -> dict[str, str]:
        """The environment a Neovim of this home runs in."""
        places = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
        kept = {name: value for name, value in os.environ.items() if name not in {"NVIM", "NVIM_APPNAME"}}
        own = {name: str(self.folder / name.removeprefix("XDG_").lower()) for name in places}
        (self.folder / "runtime_dir").mkdir(mode=0o700, exist_ok=True)
        return kept | own | {"HOME": str(self.folder), "LANG": "C.UTF-8"}

    @property
    def language_server_log(self) -> str:
        """What Neovim's language client wrote into its log: warnings and errors."""
        log = self.folder / "state_home" / "nvim" / "lsp.log"
        return log.read_text() if log.exists() else ""

    def command(self, *arguments: str) -> list[str]:
        """Return the command that starts Neovim with the configuration of this home."""
        return [str(self.executable), "--clean", "-n", "-u", str(self._init), *arguments]

    def play(self, file: Path, steps: Sequence[Step], deadline_s: float = 30.0) -> list[Result]:
        """Open `file`, run `steps` (see neovim_driver.lua) until one fails, and return their results."""
        play, report = self.folder / "play.json", self.folder / "report.json"
        report.unlink(missing_ok=True)
        play.write_text(json.dumps({"steps": list(steps), "deadline_ms": deadline_s * 1000, "report": str(report)}))
        done = subprocess.run(
            self.command("--headless", str(file), "-c", f"luafile {_DRIVER}"),
            env=self.environment | {"HEARTHLINE_PLAY": str(play)},
            cwd=file.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PLAY_TIMEOUT_S,
            check=False,
        )
        if not report.exists():
            raise AssertionError(f"Neovim ended without a report:\n{done.stdout}{done.stderr}")
        results = json.loads(report.read_text())
        return [Result(step, **result) for step, result in zip(steps, results, strict=False)]


def _install_hearthline(folder: Path, server: Sequence[str]) -> None:
    """Make what the README expects in the home: the repository, and a `hearthline` that starts `server`."""
    command = folder / ".venv" / "bin" / "hearthline"
    command.parent.mkdir(parents=True)
    folder.joinpath("editors").symlink_to(ROOT / "editors", target_is_directory=True)
    command.write_text(f'#!/bin/sh\n[ "$1" = lsp ] || exec {shlex.quote(HEARTHLINE)} "$@"\nexec {shlex.join(server)}\n')
    command.chmod(0o755)


def _readme_configuration(*, is_old: bool) -> str:
    """Return the configuration that the plugin's README tells people to write."""
    blocks = re.findall(r"^```lua\n(.*?)^```", _README.read_text(), re.MULTILINE | re.DOTALL)
    asked = [block for block in blocks if "runtimepath" in block and ("enable({" in block) == is_old]
    assert len(asked) == 1
    return asked[0]
