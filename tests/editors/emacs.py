"""An Emacs with `hearthline.el` of this repository, set up as its README says, in a home of its own."""

from collections.abc import Sequence
from pathlib import Path

from tests.editors.home import configurations, make_home
from tests.editors.play import Result, Step, play

DRIVER = Path(__file__).parent / "emacs_driver.el"
# What it would compile to machine code needs a compiler that the machine may not have.
NO_COMPILER = "(setq native-comp-jit-compilation nil native-comp-enable-subr-trampolines nil)"


class Emacs:
    """One installation of Emacs with a home in `folder`, that starts `server` as the language server.

    configuration: Lisp that comes after what the README says.
    """

    def __init__(self, executable: Path, folder: Path, server: Sequence[str], configuration: str = "") -> None:
        self.executable = executable
        self.folder = folder
        self.environment = make_home(folder, server)
        self._init = folder / "init.el"
        self._init.write_text(configurations("emacs/README.md", "elisp")[0] + configuration)

    def play(self, file: Path, steps: Sequence[Step], deadline_s: float = 30.0) -> list[Result]:
        """Open `file`, run `steps` (see emacs_driver.el) until one fails, and return their results."""
        command = [str(self.executable), "-Q", "--batch", "--eval", NO_COMPILER, "-l", str(self._init)]
        command += [str(file), "-l", str(DRIVER)]
        return play(command, self.environment, file.parent, self.folder, steps, deadline_s)
