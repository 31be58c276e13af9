"""`hearthline models` as a person and a program see it."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from inference import paths, singleton
from inference.models import cli, lock, store
from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from inference.models.progress import Stage
from inference.models.reference import folder_name
from inference.models.reporters import LineReporter, TerminalReporter, size_text
from tests.unit.test_models_store import install


@pytest.fixture(autouse=True)
def home(hearthline_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    return hearthline_home


def test_list_fits_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    install(paths.models_dir() / TEST_MODEL)

    assert cli.main(["list"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    default = next(line for line in lines if line.startswith(DEFAULT_MODEL))
    assert default.split() == [DEFAULT_MODEL, "both", "491", "MB", "-", "Apache-2.0", "default"]


def test_list_without_models_says_how_to_fetch_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    assert "hearthline models pull" in capsys.readouterr().out


def test_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    install(paths.models_dir() / TEST_MODEL)

    assert cli.main(["list", "--json"]) == 0

    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows[DEFAULT_MODEL]["default"]
    assert rows[DEFAULT_MODEL]["path"] is None
    assert rows[TEST_MODEL]["installed"]
    assert rows[TEST_MODEL]["path"] == str(paths.models_dir() / TEST_MODEL)


OTHER = "org/Some-Coder-4bit"


def install_other() -> Path:
    """Install a model that is in no catalogue."""
    directory = paths.models_dir() / folder_name(OTHER)
    lock.write_lock(directory, replace(install(directory), model=OTHER, source=f"hub {OTHER}", revision="a" * 40))
    return directory


def test_list_has_models_of_no_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    directory = install_other()

    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[-1].split() == [OTHER, "0", "MB"]
    assert cli.main(["list", "--json"]) == 0

    row = json.loads(capsys.readouterr().out)[-1]
    assert row == {
        "name": OTHER,
        "roles": None,
        "download_bytes": None,
        "licence": None,
        "default": False,
        "installed": True,
        "size_bytes": row["size_bytes"],
        "path": str(directory),
        "source": f"hub {OTHER}",
        "revision": "a" * 40,
    }
    assert cli.main(["path", OTHER]) == 0
    assert capsys.readouterr().out == f"{directory}\n"


class TestRemove:
    @pytest.fixture(autouse=True)
    def installed(self) -> Path:
        work = paths.models_dir() / f".{TEST_MODEL}.pull"
        work.mkdir(parents=True)
        (work / "model.gguf.part").write_bytes(bytes(5_000_000))
        install(paths.models_dir() / TEST_MODEL)
        return install_other()

    @pytest.mark.parametrize("name", [TEST_MODEL, OTHER])
    def test_all_of_it_goes(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["remove", name]) == 0

        assert capsys.readouterr().out == f"{name} is removed, {'5 MB' if name == TEST_MODEL else '0 MB'}\n"
        assert name not in {model.name for model in store.installed()}
        assert not list(paths.models_dir().glob(f"*{folder_name(name)}/*"))
        assert not list(paths.models_dir().glob(f".{folder_name(name)}.pull"))
        assert len(store.installed()) == 1

    @pytest.mark.parametrize(
        "health", [{"status": "ready", "models": [{"name": OTHER}]}, {"status": "loading", "models": []}]
    )
    def test_what_a_worker_holds_stays(
        self,
        installed: Path,
        health: dict[str, object],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(singleton, "probe", lambda _: health)

        assert cli.main(["remove", OTHER]) == 1

        assert "stop it first: hearthline worker stop" in capsys.readouterr().err
        assert installed.is_dir()

    def test_what_another_model_needs_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(singleton, "probe", lambda _: {"status": "ready", "models": [{"name": OTHER}]})
        assert cli.main(["remove", TEST_MODEL]) == 0

    def test_a_folder_of_somebody_else_stays(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        install(tmp_path / "mine")
        assert cli.main(["remove", str(tmp_path / "mine")]) == 1
        assert "is yours" in capsys.readouterr().err
        assert (tmp_path / "mine" / "config.json").is_file()
        assert cli.main(["remove", "smollm2"]) == 1
        assert "there is no model smollm2 in " in capsys.readouterr().err


def test_path(capsys: pytest.CaptureFixture[str]) -> None:
    install(paths.models_dir() / TEST_MODEL)

    assert cli.main(["path", TEST_MODEL]) == 0
    assert capsys.readouterr().out == f"{paths.models_dir() / TEST_MODEL}\n"
    assert cli.main(["path", TEST_MODEL, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == TEST_MODEL


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["path"], f"hearthline: the model {DEFAULT_MODEL} is not on this machine; fetch it with: "),
        (["path", "smollm3"], "hearthline: there is no model named 'smollm3'; did you mean smollm2-135m-instruct?"),
        (["pull", "[red]x"], "hearthline: there is no model named '[red]x'; "),
        (["verify"], "hearthline: no model is in "),
    ],
)
def test_failure_is_one_line_on_stderr(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(sentence)
    assert captured.err.count("\n") == 1


def test_verify(capsys: pytest.CaptureFixture[str]) -> None:
    directory = paths.models_dir() / TEST_MODEL
    install(directory)

    assert cli.main(["verify"]) == 0
    assert "every file is as it was pulled" in capsys.readouterr().out
    (directory / "config.json").write_text("[]")
    assert cli.main(["verify", TEST_MODEL]) == 1
    assert "config.json is damaged" in capsys.readouterr().out
    assert cli.main(["verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["ok"] is False


def test_wrong_usage_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["fetch"])
    assert caught.value.code == 2
    assert "usage: hearthline models" in capsys.readouterr().err


def test_lines_come_four_a_stage() -> None:
    console = Console(record=True, width=80, file=io.StringIO())
    reporter = LineReporter(console)
    for stage in (Stage.DOWNLOAD, Stage.CONVERT):
        for done in range(1001):
            reporter.progress(stage, done, 1000)
    lines = console.export_text().splitlines()
    assert len(lines) == 10
    assert lines[1] == "downloading  25 % of 0 MB"


def test_bar_on_a_terminal() -> None:
    console = Console(record=True, width=80, force_terminal=True, file=io.StringIO())
    with TerminalReporter(console) as reporter:
        reporter.progress(Stage.DOWNLOAD, 50, 100)
        reporter.note("the hub does not answer")
    text = console.export_text()
    assert "the hub does not answer" in text
    assert "downloading" in text


@pytest.mark.parametrize(("n_bytes", "text"), [(491_400_064, "491 MB"), (1_976_163_480, "2.0 GB")])
def test_sizes(n_bytes: int, text: str) -> None:
    assert size_text(n_bytes) == text
