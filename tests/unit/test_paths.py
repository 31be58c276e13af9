"""Where things live: private, short enough for a socket, movable as a whole."""

import os
import stat
import sys
from pathlib import Path

import pytest

from inference import paths


def test_one_variable_moves_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTHLINE_HOME", str(tmp_path))
    places = [paths.data_dir(), paths.models_dir(), paths.log_dir(), paths.index_dir()]
    assert all(place.is_relative_to(tmp_path) for place in places)


def test_the_runtime_folder_is_for_this_user_alone(hearthline_home: Path) -> None:
    folder = hearthline_home / "run"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    assert paths.runtime_dir() == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_linked_runtime_folder_is_refused(hearthline_home: Path) -> None:
    elsewhere = hearthline_home / "elsewhere"
    elsewhere.mkdir()
    (hearthline_home / "run").symlink_to(elsewhere)
    with pytest.raises(paths.UnsafeDirectoryError, match="HEARTHLINE_HOME"):
        paths.runtime_dir()


def test_a_home_too_deep_for_a_socket_gets_a_short_one_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("a" * 100, "b" * 100):
        monkeypatch.setenv("HEARTHLINE_HOME", str(tmp_path / name))
        found.append(paths.socket_path())
    try:
        assert found[0] != found[1]
        assert all(len(os.fsencode(path)) <= paths.MAX_SOCKET_PATH_BYTES for path in found)
    finally:
        for path in found:
            path.parent.rmdir()


@pytest.mark.skipif(sys.platform != "linux", reason="the fallback without a session is Linux's")
def test_without_a_session_the_folder_bears_the_users_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTHLINE_HOME", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert str(os.getuid()) in str(paths.runtime_dir())
