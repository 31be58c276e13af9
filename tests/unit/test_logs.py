"""The log: bounded, shared between windows, and without a word of source."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsp_server import logs
from lsp_server.logs import Logs

log = logging.getLogger("lsp_server.test")


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("", "lsp_server", "pygls")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)
    logging.raiseExceptions = True


def test_exceptions_are_logged_without_their_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = Logs(tmp_path)
    try:
        raise ValueError("def my_secret_source(): ...")
    except ValueError:
        log.exception("it failed")
    logging.getLogger("pygls.protocol").error("the body: my_secret_source")
    opened.close()
    written = (tmp_path / "lsp.log").read_text() + capsys.readouterr().err
    assert "it failed" in written
    assert "ValueError at test_logs.py:" in written
    assert "my_secret_source" not in written


def test_the_file_stays_small_and_windows_share_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_FILE_BYTES", 2_000)
    first, second = (logs._open_file(tmp_path)[0] for _ in range(2))
    assert first is not None
    assert second is not None
    # By turns in one thread: two that rotate at the same moment may lose a record, and nothing more.
    for index in range(50):
        (first, second)[index % 2].handle(record("x" * 100))
    first.close()
    second.handle(record("the last word"))
    second.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lsp.log", "lsp.log.1"]
    assert all(path.stat().st_size <= 2_300 for path in tmp_path.iterdir())
    assert "the last word" in (tmp_path / "lsp.log").read_text()


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("lsp_server.test", logging.INFO, __file__, 1, message, None, None)


def test_levels_follow_the_settings(tmp_path: Path) -> None:
    opened = Logs(tmp_path)
    log.debug("too little")
    opened.set_level("debug")
    log.debug("enough")
    opened.close()
    written = (tmp_path / "lsp.log").read_text()
    assert "too little" not in written
    assert "enough" in written


def test_a_folder_that_cannot_be_made_is_said_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    Logs(tmp_path / "file").close()
    assert "no log file in" in capsys.readouterr().err
