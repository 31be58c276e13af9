"""The file of the workspace that an imported API path lies in, for following data over one or two calls. Blocking.

Invariants: nothing outside the project's folder is read, through a link neither; a file is read and lowered again only
when its stamp has changed; what cannot be found is as if it were a package that is not looked into.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lsp_server.context.files import Stamp, fit_text, stamp_of
from lsp_server.languages import language_of
from lsp_server.review.ir import Program
from lsp_server.review.longer_look import LANGUAGES
from lsp_server.review.lowering import lower
from lsp_server.review.taint.walk import Imported, Resolve

_MAX_KEPT = 128
_SCRIPT_ENDINGS = (".js", ".ts", ".tsx", ".jsx", ".mjs", ".cjs", "/index.js", "/index.ts", "")


class Neighbours:
    """Files that others import, lowered."""

    def __init__(self) -> None:
        self._programs: OrderedDict[Path, tuple[Stamp, Program]] = OrderedDict()

    def of(self, path: str, language_id: str) -> Resolve | None:
        """Return what finds the imports of the file at `path`; None for languages whose imports are not followed."""
        file = Path(os.path.abspath(path))
        project = _project_of(file)
        if project is None or language_id not in LANGUAGES:
            return None
        return partial(self._find, file, project, language_id)

    def _find(self, file: Path, project: Path, language_id: str, api_path: str) -> Imported | None:
        module, _, name = api_path.rpartition(".")
        candidates = _python_files if language_id == "python" else _script_files
        for candidate in candidates(file, project, module) if module.strip(".") else ():
            program = self._program(candidate, project)
            if program is not None and candidate != file:
                return Imported(program, name, str(candidate))
        return None

    def _program(self, file: Path, project: Path) -> Program | None:
        stamp = stamp_of(file)
        if stamp is None or not Path(os.path.realpath(file)).is_relative_to(os.path.realpath(project)):
            return None
        kept = self._programs.get(file)
        if kept is not None and kept[0] == stamp:
            self._programs.move_to_end(file)
            return kept[1]
        try:
            text = fit_text(file.read_bytes())
        except OSError:
            return None
        program = lower(text.encode("utf-8", "replace"), language_of(file.name)) if text is not None else None
        if program is not None:
            self._programs[file] = stamp, program
            if len(self._programs) > _MAX_KEPT:
                self._programs.popitem(last=False)
        return program


def _project_of(file: Path) -> Path | None:
    """Return the repository's folder that `file` lies in, else its own folder; None for a file right in a home."""
    home = Path.home()
    for folder in file.parents:
        if folder == home:
            break
        if (folder / ".git").exists():
            return folder
    return file.parent if file.parent != home and file.parent not in home.parents else None


def _python_files(file: Path, project: Path, module: str) -> Iterator[Path]:
    """Yield where the module may be: below the folder that the dots name, or below any folder up to the project's."""
    name = module.lstrip(".")
    n_dots = len(module) - len(name)
    parents = [file.parent, *file.parent.parents]
    folders = parents[n_dots - 1 : n_dots] if n_dots else parents
    for folder in folders:
        if not folder.is_relative_to(project):
            return
        base = folder.joinpath(*name.split("."))
        yield base.with_name(f"{base.name}.py")
        yield base / "__init__.py"


def _script_files(file: Path, project: Path, module: str) -> Iterator[Path]:
    """Yield where `./module` or `../module` may be; packages are not looked into."""
    if not module.startswith(("./", "../")):
        return
    base = os.path.normpath(file.parent / module)
    for ending in _SCRIPT_ENDINGS:
        candidate = Path(base + ending)
        if candidate.is_relative_to(project):
            yield candidate
