"""`hearthline init`: what editors are told, and that no file loses anything by it."""

import io
import json
import sys
import tomllib
from pathlib import Path

import pytest

from lsp_server import cli
from lsp_server.commands import init

EDITORS = ("vscode", "neovim", "emacs", "helix", "zed", "sublime", "kate")
WRITTEN = {
    "neovim": ".config/nvim/plugin/hearthline_start.lua",
    "emacs": ".emacs.d/init.el",
    "helix": ".config/helix/languages.toml",
    "kate": ".config/kate/lspclient/settings.json",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    folder = tmp_path / "editors"
    for name in ("neovim", "emacs"):
        (folder / name).mkdir(parents=True)
    monkeypatch.setattr(init, "editors_folder", lambda: folder)
    monkeypatch.setattr(init, "_command", lambda: '/opt/a "b"/hearthline')
    return tmp_path


@pytest.mark.parametrize("editor", EDITORS)
def test_every_editor_is_told_in_its_own_words(editor: str, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    before = sorted(home.rglob("*"))
    assert cli.main(["init", editor]) == 0
    shown = capsys.readouterr().out
    assert init.load(editor).title in shown
    assert "{" not in init.load(editor).title + init.load(editor).before
    assert '/opt/a \\"b\\"/hearthline' in shown
    assert "{command}" not in shown
    assert "{editors}" not in shown
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize(("editor", "name"), WRITTEN.items())
def test_it_is_written_once(editor: str, name: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", editor, "--write", "--yes"]) == 0
    written = (home / name).read_text()
    assert written == init.load(editor).text + "\n"
    assert f"+{written.splitlines()[0]}" in capsys.readouterr().out
    assert cli.main(["init", editor, "--write", "--yes"]) == 0
    assert (home / name).read_text() == written
    assert "nothing is changed" in capsys.readouterr().out


def test_what_is_written_can_be_read() -> None:
    languages = tomllib.loads(init.load("helix").text)
    assert languages["language-server"]["hearthline"]["args"] == ["lsp"]
    assert all("hearthline" in language["language-servers"] for language in languages["language"])
    page = tomllib.loads((Path(init.__file__).parents[2] / "editors" / "helix" / "languages.toml").read_text())
    page["language-server"]["hearthline"]["command"] = languages["language-server"]["hearthline"]["command"]
    assert languages == page
    for editor in ("kate", "sublime"):
        json.loads(init.load(editor).text)
    json.loads("{" + init.load("vscode").text + "}")
    json.loads("{" + init.load("zed").text + "}")


@pytest.mark.parametrize("existing", ["(setq x 1)\n", "(setq x 1)"])
def test_a_file_is_only_added_to(existing: str, home: Path) -> None:
    path = home / ".emacs"
    path.write_text(existing)
    assert cli.main(["init", "emacs", "--write", "--yes"]) == 0
    assert path.read_text() == f"(setq x 1)\n\n{init.load('emacs').text}\n"
    assert not (home / ".emacs.d").exists()


@pytest.mark.parametrize(
    ("editor", "existing", "why"),
    [
        ("helix", '[[language]]\nname = "python"\nindent = { tab-width = 4, unit = " " }\n', "the same languages"),
        ("kate", '{"servers": {}}\n', "cannot just be added to"),
    ],
)
def test_what_cannot_be_added_is_left_to_the_person(
    editor: str, existing: str, why: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / WRITTEN[editor]
    path.parent.mkdir(parents=True)
    path.write_text(existing)
    assert cli.main(["init", editor, "--write", "--yes"]) == 1
    assert path.read_text() == existing
    captured = capsys.readouterr()
    assert why in captured.err
    assert init.load(editor).text.splitlines()[-1] in captured.out


@pytest.mark.parametrize(
    ("answer", "is_terminal", "code"), [("y\n", True, 0), ("\n", True, 1), ("n\n", True, 1), ("y\n", False, 1)]
)
def test_somebody_says_yes(
    answer: str, is_terminal: bool, code: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.StringIO(answer)
    monkeypatch.setattr(stdin, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stdin", stdin)
    assert cli.main(["init", "helix", "--write"]) == code
    assert (home / WRITTEN["helix"]).exists() is (code == 0)


def test_where_nothing_is_to_be_written_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", "zed", "--write"]) == 1
    assert "could be written" in capsys.readouterr().err


def test_the_parts_for_editors_are_found_beside_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert (init.editors_folder() / "neovim/lsp/hearthline.lua").is_file()
