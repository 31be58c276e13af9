"""Nothing of the source is written to disk: the whole line at work, then a search through all it has written."""

import asyncio
import subprocess
import sysconfig
from pathlib import Path

import pytest

from inference.models.catalogue import TEST_MODEL
from lsp_server.commands.editor import open_editor

HEARTHLINE = str(Path(sysconfig.get_path("scripts")) / "hearthline")
SECRET = "quokka_telescope"
SOURCE = f"""\
# {SECRET}
def {SECRET}_1(values):
    return [value + 1 for value in values]


def {SECRET}_2(values):
    \
"""


async def complete_in(workspace: Path) -> None:
    settings: dict[str, object] = {"completion": {"model": TEST_MODEL}, "logLevel": "debug"}
    async with open_editor(workspace, settings) as editor:
        await editor.wait_until_ready()
        uri = editor.open(workspace / "secret.py", SOURCE, "python")
        line = SOURCE.count("\n")
        editor.type(uri, line, 4, "return ")
        await editor.inline_completion(uri, line, 11)


@pytest.mark.model
def test_no_file_holds_source(model_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = model_home / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    asyncio.run(complete_in(tmp_path))
    subprocess.run([HEARTHLINE, "worker", "stop"], check=True, capture_output=True)

    written = [path for path in model_home.rglob("*") if path.is_file() and "models" not in path.parts]
    assert {"lsp.log", "worker.log"} <= {path.name for path in written}
    for path in written:
        assert SECRET.encode() not in path.read_bytes(), f"{path.name} holds source"
