"""How a worker is started: a path means the same to it as to who starts it, and a name stays a name."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from lsp_server.engine import process


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-0.5b-instruct"),
        ("org/name", "org/name"),
        ("org/name:a.gguf", "org/name:a.gguf"),
        ("./name", "{here}/name"),
        ("a.gguf", "{here}/a.gguf"),
        ("/models/name", "/models/name"),
    ],
)
def test_what_the_worker_is_told(model: str, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands: list[list[str]] = []

    class Started:
        returncode = None

        def __init__(self, command: list[str], **_: Any) -> None:
            commands.append(command)

        def wait(self) -> int:
            return 0

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "Popen", Started)

    process.start(model, 60)

    (command,) = commands
    assert command[command.index("--model") + 1] == told.format(here=tmp_path)
