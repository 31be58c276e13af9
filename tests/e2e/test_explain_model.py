"""An explanation by the real server, the real worker and the test model: it streams, holds to the code, and stops."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from inference import paths, singleton
from inference.models.catalogue import TEST_MODEL
from lsp_server.explain.check import WORDS_OF_LANGUAGES
from tests.e2e.test_explain import ADD, OURS, PROGRESS, Window
from tests.lsp_client import SERVER, LspClient, wait_until

pytestmark = pytest.mark.model

LOAD_S = 120.0
# More than the test model writes in the time that a cancel takes.
LONG = "def total(lines):\n" + "".join(
    f"    for line in lines[{number}:]:\n        print(line + {number})\n" for number in range(8)
)


@pytest.fixture
def window(model_home: Path, root: Path) -> Iterator[Window]:
    """Give a client whose server asks a worker of its own."""
    try:
        with LspClient(model_home, SERVER) as client:
            window = Window(client, root, OURS | PROGRESS, options={"completion": {"model": TEST_MODEL}})
            window.show(ADD)
            client.wait_for(lambda message: _state(message) == "ready", LOAD_S)
            yield window
            assert "Traceback" not in client.stderr()
    finally:
        pid = _health().get("pid")
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _state(message: dict[str, object]) -> object:
    params = message.get("params")
    return params.get("state") if message.get("method") == "hearthline/status" and isinstance(params, dict) else None


def test_it_streams_names_nothing_that_is_not_there_and_stops_when_it_is_cancelled(window: Window) -> None:
    client = window.client
    asked = window.ask("hearthline.explain", window.argument(5))
    client.reply(asked, LOAD_S)
    assert client.result(asked) is None
    (stream,) = window.streams()
    assert [part["state"] for part in (stream[0], stream[-1])] == ["begin", "end"]
    assert stream[-1]["outcome"] == "done"
    assert len([part for part in stream if part["state"] == "text"]) > 3
    words = re.sub(r"\]\([^)]*\)", "]", window.last_text())
    for title in ("Inputs and outputs", "Steps", "Side effects and errors", "Risks"):
        assert f"\n## {title}\n" in words
    assert "- Raises `ValueError`: [line 7]" in words
    names = {name for span in re.findall(r"`([^`]+)`", words) for name in re.findall(r"[^\W\d]\w*", span)}
    known = set(re.findall(r"[^\W\d]\w*", ADD)) | {"a", "py"}
    assert not {name for name in names - known if name.lower() not in WORDS_OF_LANGUAGES}, words

    window.show(LONG, "long.py")
    cancelled = window.ask("hearthline.explain", window.argument(0, name="long.py"))
    stream_id = client.notification("hearthline/stream", lambda p: p.get("uri") == window.uri("long.py"))["id"]
    wait_until(_is_busy, "the worker reads or writes", LOAD_S)
    client.notify("window/workDoneProgress/cancel", {"token": stream_id})
    assert client.result(cancelled) is None
    assert (window.streams()[-1][-1]["state"], window.streams()[-1][-1]["outcome"]) == ("end", "cancelled")
    wait_until(lambda: not _is_busy(), "the worker has nothing to do")


def _is_busy() -> bool:
    return bool(_health().get("active") or _health().get("queued"))


def _health() -> dict[str, Any]:
    return singleton.probe(paths.socket_path()) or {}
