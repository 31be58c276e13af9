"""The real server's process: how it ends, whatever happens, and what a client that does not read costs."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tests.lsp_client import DEADLINE_S, SCRIPTED_SERVER, LspClient


def log_text(home: Path) -> str:
    return (home / "log" / "lsp.log").read_text()


@pytest.mark.parametrize(("polite", "code"), [(True, 0), (False, 1)])
def test_exit_code_says_whether_shutdown_came(tmp_path: Path, polite: bool, code: int) -> None:
    with LspClient(tmp_path) as client:
        client.initialize()
        if polite:
            client.call("shutdown")
        client.notify("exit")
        assert client.exit_code() == code


def test_exit_before_initialize(tmp_path: Path) -> None:
    with LspClient(tmp_path) as client:
        client.notify("exit")
        assert client.exit_code() == 1


@pytest.mark.parametrize("polite", [True, False])
def test_the_end_of_stdin_is_the_end(tmp_path: Path, polite: bool) -> None:
    with LspClient(tmp_path) as client:
        client.initialize()
        if polite:
            client.request("shutdown")
        client.close_stdin()
        assert client.exit_code() == (0 if polite else 1)
    assert "the client closed its end" in log_text(tmp_path)


def test_a_frame_that_is_cut_off_is_named_in_the_log(tmp_path: Path) -> None:
    with LspClient(tmp_path) as client:
        client.send_bytes(b"Content-Length: 100\r\n\r\n{")
        client.close_stdin()
        assert client.exit_code() == 1
    assert "in the middle of a message" in log_text(tmp_path)


def test_exit_does_not_wait_for_handlers_not_even_deaf_ones(tmp_path: Path) -> None:
    with LspClient(tmp_path) as client:
        client.initialize()
        client.request("probe/wait", {"deaf": True})
        waiting = client.request("probe/wait", {})
        client.call("shutdown")
        assert client.reply(waiting)["error"]["code"] == -32800
        client.notify("exit")
        assert client.exit_code(timeout_s=10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_in_order(tmp_path: Path, number: int) -> None:
    with LspClient(tmp_path) as client:
        client.initialize()
        client.call("shutdown")
        client.process.send_signal(number)
        assert client.exit_code() == 0
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()


def test_the_editor_named_in_initialize_is_watched(tmp_path: Path) -> None:
    editor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with LspClient(tmp_path) as client:
            client.initialize(processId=editor.pid)
            editor.kill()
            editor.wait()
            assert client.exit_code() == 1
        assert "the editor is gone" in log_text(tmp_path)
    finally:
        editor.kill()
        editor.communicate()


def test_a_process_id_that_is_not_here_is_not_watched(tmp_path: Path) -> None:
    with LspClient(tmp_path) as client:
        client.initialize(processId=2**22 + 5)
        assert client.call("probe/echo", {"x": 1}) == {"x": 1}
        client.call("shutdown")
        client.notify("exit")
        assert client.exit_code() == 0
    assert "is not visible from here" in log_text(tmp_path)


def test_killing_the_process_that_started_it_ends_it_although_its_stdin_stays_open(tmp_path: Path) -> None:
    """As where an editor's pipe was inherited by another of its children, and the editor is killed."""
    stdin_read, stdin_write = os.pipe()
    stdout_read, stdout_write = os.pipe()
    script = (
        "import subprocess\n"
        f"subprocess.run({list(SCRIPTED_SERVER)!r}, stdin={stdin_read}, stdout={stdout_write}, check=False)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        pass_fds=[stdin_read, stdout_write],
        env={**os.environ, "HEARTHLINE_HOME": str(tmp_path)},
    )
    os.close(stdin_read)
    os.close(stdout_write)
    with os.fdopen(stdout_read, "rb", buffering=0) as stdout, os.fdopen(stdin_write, "wb", buffering=0) as stdin:
        stdin.write(b"Content-Length: 2\r\n\r\n{}")
        assert b"error" in _read(stdout), "the server runs, and has refused a message that is none"
        parent.kill()
        parent.wait()
        while _read(stdout):
            continue
    assert "the process that started this one is gone" in log_text(tmp_path)


def _read(stream: IO[bytes]) -> bytes:
    """Return what comes next, nothing at the end of the stream: then nobody holds its other end."""
    if not select.select([stream], [], [], DEADLINE_S)[0]:
        raise TimeoutError("the server neither writes nor ends")
    return stream.read(65536)


def test_a_client_that_stops_reading_holds_up_nothing_and_gets_everything_later(tmp_path: Path) -> None:
    with LspClient(tmp_path) as client:
        client.initialize()
        client.pause_reading()
        said = client.request("probe/say", {"n": 2_000, "text": "x" * 1_000})
        requests = [client.request("probe/echo", {"n": number}) for number in range(50)]
        client.open("file:///a", "text")
        looked = client.request("probe/document", {"uri": "file:///a"})
        client.resume_reading()
        assert client.result(looked)["lines"] == ["text"]
        assert client.result(said) is None
        assert [client.result(message_id)["n"] for message_id in requests] == list(range(50))
        shown = [message for message in client.messages if message.get("method") == "window/showMessage"]
        states = [message for message in client.messages if message.get("method") == "hearthline/status"]
        assert len(shown) == 2_000
        assert len(states) < 2_000, "older statuses give way to newer ones"
        assert states[-1]["params"]["progress"] == 1.0


def test_a_client_that_never_reads_is_given_up(tmp_path: Path) -> None:
    with LspClient(tmp_path) as client:
        client.initialize()
        client.pause_reading()
        client.request("probe/say", {"n": 700, "text": "x" * 100_000})
        assert client.exit_code() == 1
    assert "bytes unread" in log_text(tmp_path)


def test_a_home_that_cannot_be_written_leaves_stderr(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where the folder should be")
    with LspClient(tmp_path) as client:
        client.initialize()
        assert client.call("probe/echo", {"x": 1}) == {"x": 1}
        client.call("shutdown")
        client.notify("exit")
        assert client.exit_code() == 0
        assert "no log file in" in client.stderr()


def test_stray_output_does_not_reach_the_wire(tmp_path: Path) -> None:
    noisy = (
        "import os, sys, runpy\n"
        "import lsp_server.server as server\n"
        "claim = server.claim_stdio\n"
        "def claim_and_talk():\n"
        "    fds = claim()\n"
        "    print('stray print', flush=True)\n"
        "    os.system('echo stray child')\n"
        "    return fds\n"
        "server.claim_stdio = claim_and_talk\n"
        "runpy.run_module('tests.scripted_server', run_name='__main__')\n"
    )
    with LspClient(tmp_path, (sys.executable, "-c", noisy)) as client:
        client.initialize()
        assert client.call("probe/echo", {"x": 1}) == {"x": 1}
        assert "stray print" in client.stderr()
        assert "stray child" in client.stderr()
