"""Fixtures of the tests that drive real editors."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.install_neovim import NeovimUnavailableError, find_neovim


@pytest.fixture(scope="session")
def neovim_executable() -> Path:
    """A Neovim of at least 0.12; skips the test, with the reason, where none can be had."""
    try:
        return find_neovim()
    except NeovimUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """An empty folder whose path is short enough for the sockets in it."""
    folder = Path(tempfile.mkdtemp(prefix="hl"))
    yield folder
    shutil.rmtree(folder)
