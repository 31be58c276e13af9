"""The command line as a person and as a program use it: real processes, the real server, the test model."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from lsp_server import __version__

HEARTHLINE = str(Path(sysconfig.get_path("scripts")) / "hearthline")


def hearthline(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HEARTHLINE, *words], capture_output=True, text=True, cwd=folder, timeout=240, check=False)


@pytest.fixture
def worker_home(model_home: Path) -> Iterator[Path]:
    """Give a HEARTHLINE_HOME with the test model; the worker that was started in it is stopped."""
    yield model_home
    stopped = hearthline("worker", "stop")
    assert stopped.returncode == 0, stopped.stdout


def test_version() -> None:
    assert hearthline("--version").stdout.strip() == f"hearthline {__version__}"


def test_an_unknown_command_is_refused_with_the_ones_there_are() -> None:
    result = hearthline("frobnicate")
    assert result.returncode == 2
    assert "complete" in result.stderr


def test_commands_of_the_other_half_are_reached(hearthline_home: Path) -> None:
    assert DEFAULT_MODEL in hearthline("models", "list").stdout
    for word in ("status", "pause", "resume"):
        answer = hearthline("worker", word)
        assert (answer.returncode, "no worker is running" in answer.stdout) == (1, True)
    assert hearthline_home.is_dir()


def test_a_folder_of_the_workspace_is_never_imported(hearthline_home: Path, tmp_path: Path) -> None:
    for name in ("inference", "lsp_server"):
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text("raise SystemExit('imported from the workspace')")
        (package / "__main__.py").write_text("raise SystemExit('imported from the workspace')")
    for words in (["models", "list"], ["worker", "status"], ["doctor", "--json"]):
        result = hearthline(*words, folder=tmp_path)
        assert "imported from the workspace" not in result.stdout + result.stderr
    assert hearthline_home.is_dir()


def test_doctor_fails_without_a_model_and_says_how_to_get_one(hearthline_home: Path) -> None:
    result = hearthline("doctor", "--json")
    report = json.loads(result.stdout)
    checks = {check["name"]: check for check in report["checks"]}
    assert (result.returncode, report["ok"]) == (1, False)
    assert checks.keys() == {"Python", "MLX", "Device", "BLAS", "Model", "Socket", "Worker", "Sandbox", "Editors"}
    assert report["verdict"] == "1 thing to mend before completions can work."
    assert checks["Model"]["advice"] == f"fetch it once: hearthline models pull {DEFAULT_MODEL}"
    assert checks["Socket"]["found"].startswith(str(hearthline_home))


@pytest.mark.model
def test_doctor_sees_the_model_that_is_there(model_home: Path) -> None:
    result = hearthline("doctor")
    assert result.returncode == 0, result.stdout
    assert TEST_MODEL in result.stdout
    assert model_home.is_dir()


@pytest.mark.model
def test_try_shows_ghost_text_from_the_model(worker_home: Path) -> None:
    result = hearthline("try", "--model", TEST_MODEL)
    assert result.returncode == 0, result.stderr
    assert TEST_MODEL in result.stdout
    assert "⟪" in result.stdout
    assert result.stderr == ""
    assert worker_home.is_dir()


@pytest.mark.model
def test_complete_gives_programs_one_object(worker_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "count:ers.py"
    path.write_text("# eins\n# zwei\nnumbers = [1, 2, 3, 4, 5, \n")
    result = hearthline("complete", f"{path}:3:27", "--model", TEST_MODEL, "--json")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["model"] == TEST_MODEL
    assert (answer["file"], answer["line"], answer["column"]) == (str(path), 3, 27)
    assert answer["text"].startswith("6")
    assert result.stderr == ""
    assert worker_home.is_dir()


def test_complete_without_a_model_says_how_to_get_one(hearthline_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = \n")
    result = hearthline("complete", f"{path}:1:5", "--json")
    assert result.returncode == 1
    assert "hearthline models pull" in json.loads(result.stdout)["error"]
    assert "Traceback" not in result.stderr
    assert hearthline_home.is_dir()


def test_try_that_cannot_fetch_says_so_in_one_sentence(hearthline_home: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    environment = os.environ | {
        "HF_ENDPOINT": nowhere,
        "PIP_INDEX_URL": f"{nowhere}/index",
        "UV_DEFAULT_INDEX": f"{nowhere}/index",
    }
    result = subprocess.run(
        [sys.executable, "-m", "lsp_server.cli", "try"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "check the network" in result.stderr
    assert not list(hearthline_home.glob("data/models/*/*.safetensors"))


def test_try_of_a_model_that_does_not_exist_names_those_that_do(hearthline_home: Path) -> None:
    result = hearthline("try", "--model", "qwen2.5-coder-0.5")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert DEFAULT_MODEL in result.stderr
    assert hearthline_home.is_dir()
