"""`python -m tests.pictures`: make the README's picture of `hearthline try` from a real terminal session.

Needs the default model on this machine. The picture of Neovim comes from the editor tests.
"""

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.editors.terminal import Terminal

ROOT = Path(__file__).parents[1]
_COLUMNS, _ROWS = 90, 45


def main() -> int:
    """Run the session and save what its screen shows at the end."""
    command = [str(Path(sysconfig.get_path("scripts")) / "hearthline"), "try"]
    with (
        tempfile.TemporaryDirectory() as folder,
        Terminal(command, dict(os.environ), Path(folder), columns=_COLUMNS, rows=_ROWS) as terminal,
    ):
        terminal.wait("the closing words", lambda shown: any("worker stays" in line for line in shown.lines), 300.0)
        terminal.save(ROOT / "build" / "pictures" / "try", "hearthline try")
    svg = (ROOT / "build" / "pictures" / "try.svg").read_text()
    (ROOT / "editors" / "pictures" / "try.svg").write_text(svg)
    return 0


if __name__ == "__main__":
    sys.exit(main())
