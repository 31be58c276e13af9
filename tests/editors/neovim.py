"""A Neovim with the plugin of this repository, set up as its README says, away from the user's own configuration.

Owns the folder it is given: a home, the configuration in it and Neovim's state. `play` runs steps in a headless
Neovim; `command` and `environment` start one with a screen.
"""

from collections.abc import Sequence
from pathlib import Path

from tests.editors.home import configurations, make_home
from tests.editors.play import Result, Step, play

DRIVER = Path(__file__).parent / "neovim_driver.lua"


class Neovim:
    """One installation of Neovim, with a home of its own in `folder`, that starts `server` as the language server.

    The configuration is what the README says, for Neovim 0.10 where `is_old`; `configuration`: Lua that comes after it.
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
        self.environment = make_home(folder, server)
        self._init = folder / "init.lua"
        self._init.write_text("\n".join([_readme_configuration(is_old=is_old), configuration, ""]))

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
        command = self.command("--headless", str(file), "-c", f"luafile {DRIVER}")
        return play(command, self.environment, file.parent, self.folder, steps, deadline_s)


def _readme_configuration(*, is_old: bool) -> str:
    """Return the configuration that the plugin's README tells people to write."""
    blocks = [block for block in configurations("neovim/README.md", "lua") if "runtimepath" in block]
    asked = [block for block in blocks if ("enable({" in block) == is_old]
    assert len(asked) == 1
    return asked[0]
