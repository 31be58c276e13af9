"""The README's pictures of a terminal: `python -m tests.pictures [NAME...]`, what a real session shows at its end.

The text in grey is the default model's, which must be on this machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from inference import paths
from inference.errors import InferenceError
from inference.models.catalogue import DEFAULT_MODEL
from inference.models.store import checkpoint_dir
from tests.editors.home import HEARTHLINE, ROOT
from tests.editors.install import NEOVIM, EditorUnavailableError, find_editor
from tests.editors.neovim import Neovim
from tests.editors.terminal import Terminal

_CAPTURES = ROOT / "build" / "pictures"
_PICTURES = ROOT / "editors" / "pictures"
_MODEL_S = 300.0
_BASKET = """\
from dataclasses import dataclass


@dataclass
class Item:
    name: str
    price: float
    quantity: int = 1


def total(items: list[Item]) -> float:


def most_expensive(items: list[Item]) -> Item:
    return max(items, key=lambda item: item.price)
"""


def main() -> int:
    """Take the pictures; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(_TAKEN)} (default: all)")
    names = parser.parse_args().names or list(_TAKEN)
    try:
        checkpoint_dir(DEFAULT_MODEL)
        with tempfile.TemporaryDirectory(prefix="hl") as folder, _own_worker(Path(folder)):
            for name in names:
                _TAKEN[name](Path(folder))
                svg = (_CAPTURES / f"{name}.svg").read_text()
                (_PICTURES / f"{name}.svg").write_text(svg)
    except (EditorUnavailableError, InferenceError) as error:
        print(f"no pictures are taken: {error}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _own_worker(folder: Path) -> Iterator[None]:
    """Have what is started meanwhile use a worker of its own, with the models of this machine."""
    models = paths.models_dir()
    (folder / "h" / "data").mkdir(parents=True)
    (folder / "h" / "data" / "models").symlink_to(models)
    os.environ |= {"HEARTHLINE_HOME": str(folder / "h"), "PYTHONPATH": str(ROOT)}
    try:
        yield
    finally:
        subprocess.run([HEARTHLINE, "worker", "stop"], capture_output=True, check=False)


def _try(folder: Path) -> None:
    with Terminal([HEARTHLINE, "try"], os.environ, folder, columns=90, rows=45) as terminal:
        terminal.wait("the closing words", lambda shown: any("worker stays" in line for line in shown.lines), _MODEL_S)
        terminal.save(_CAPTURES / "try", "hearthline try")


def _neovim(folder: Path) -> None:
    file = folder / "shop" / "basket.py"
    (file.parent / ".git").mkdir(parents=True)
    file.write_text(_BASKET)
    one = 'vim.lsp.config("hearthline", { settings = { hearthline = { completion = { candidates = 1 } } } })'
    neovim = Neovim(find_editor(NEOVIM), folder / "home", [HEARTHLINE, "lsp"], one)
    with Terminal(neovim.command(file.name), neovim.environment, file.parent, columns=84, rows=18) as terminal:
        terminal.wait("that the model is there", lambda shown: " hearthline " in shown.lines[-2], _MODEL_S)
        line = _BASKET.splitlines().index("def total(items: list[Item]) -> float:") + 1
        terminal.type(f"{line}Goreturn")
        terminal.wait("what was typed", lambda shown: shown.lines[line] == "    return")
        # Asked for: what comes by itself has a deadline, which a machine with other things to do may miss.
        terminal.type("\x1bn")
        terminal.wait("ghost text", lambda shown: shown.lines[line].startswith("    return "), _MODEL_S)
        terminal.save(_CAPTURES / "neovim", "Neovim")


_TAKEN: Mapping[str, Callable[[Path], None]] = {"try": _try, "neovim": _neovim}

if __name__ == "__main__":
    raise SystemExit(main())
