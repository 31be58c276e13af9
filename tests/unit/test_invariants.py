"""Invariants of ARCHITECTURE.md that an import contract cannot state."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("lsp_server/**/*.py"), *ROOT.glob("inference/**/*.py")])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_two_modules_know_utf_16(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() in ("lsp_server/convert.py", "lsp_server/document.py"):
        return
    assert not re.search(r"utf[-_ ]?16", path.read_text(encoding="utf-8"), re.IGNORECASE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_model_code_is_trusted_and_nothing_is_unpickled(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"trust_remote_code\s*=\s*True|\bimport pickle\b|torch\.load", text)
