"""A workspace as a run sees it: its own files by links, and in their midst the few that are written for the run.

Invariants: nothing is written to the workspace; a written file's folder is a real one whose other entries are links
into the workspace, so that what looks around itself (conftest.py, packages, relative imports) finds what is there.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath


def make_shadow(workspace: Path, shadow: Path, files: Mapping[str, str]) -> None:
    """Make the folder `shadow`, which does not exist yet, to look like `workspace` with `files` in it.

    files: text by path relative to the workspace. Raises OSError; ValueError for a path that leads out of it.
    """
    shadow.mkdir()
    _link_entries(workspace, shadow)
    for path, text in files.items():
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise ValueError("a file of a test run must lie in its workspace")
        folder = shadow
        for part in pure.parts[:-1]:
            folder = folder / part
            _make_real(folder)
        place = folder / pure.name
        place.unlink(missing_ok=True)
        place.write_text(text, encoding="utf-8", newline="")


def _make_real(folder: Path) -> None:
    """Make `folder` a real one: if it is a link, with a link for each entry of what it led to."""
    if not folder.is_symlink():
        folder.mkdir(exist_ok=True)
        return
    behind = folder.readlink()
    folder.unlink()
    folder.mkdir()
    if behind.is_dir():
        _link_entries(behind, folder)


def _link_entries(source: Path, folder: Path) -> None:
    for entry in source.iterdir():
        (folder / entry.name).symlink_to(entry)
