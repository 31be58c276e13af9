"""A keystroke becomes ghost text: the real server, the real worker, the test model. Nothing is faked."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from inference import paths, singleton
from inference.models.catalogue import TEST_MODEL
from tests.e2e.test_inline_completion import INLINE, Editor
from tests.lsp_client import SERVER, LspClient

pytestmark = pytest.mark.model

COUNTING = "def count():\n    one = 1\n    two = 2\n    three = 3\n    four = 4\n    five = ‸\n"
LOAD_S = 120.0


def health() -> dict[str, Any]:
    return singleton.probe(paths.socket_path()) or {}


@pytest.fixture
def client(model_home: Path) -> Iterator[LspClient]:
    try:
        with LspClient(model_home, SERVER) as client:
            client.initialize(INLINE, {"completion": {"model": TEST_MODEL, "debounceMs": 0}})
            yield client
            assert "Traceback" not in client.stderr()
    finally:
        if "pid" in health():
            with suppress(ProcessLookupError):
                os.kill(health()["pid"], signal.SIGKILL)


@pytest.fixture
def editor(client: LspClient) -> Editor:
    return Editor(client)


def states(editor: Editor) -> list[str]:
    messages = editor.client.messages
    return [message["params"]["state"] for message in messages if message.get("method") == "hearthline/status"]


def wait_for_state(editor: Editor, state: str, n_times: int = 1) -> None:
    editor.client.wait_for(lambda _message: states(editor).count(state) >= n_times, LOAD_S)


def test_a_keystroke_becomes_ghost_text(editor: Editor) -> None:
    editor.show(COUNTING)
    editor.type("")
    request_id = editor.ask()
    editor.client.reply(request_id, LOAD_S)
    assert editor.texts(request_id) == ["5"]
    wait_for_state(editor, "ready")
    assert states(editor).index("loading") < states(editor).index("ready")


def test_while_the_model_loads_a_keystroke_is_answered_at_once(editor: Editor) -> None:
    editor.show(COUNTING)
    assert editor.texts(editor.ask(invoked=False)) == []
    assert editor.reasons()[-1] == "modelLoading"


def test_a_worker_killed_in_mid_stream_comes_back(editor: Editor) -> None:
    editor.show(COUNTING)
    editor.client.reply(editor.ask(), LOAD_S)
    first = health()["pid"]
    n_times = states(editor).count("working")  # a state that lasts too short to be sent is skipped
    # Prose on a blank line of an open text: nothing that ends it early.
    editor.show('text = """\nOnce upon a time there was a\n‸')
    request_id = editor.ask()
    wait_for_state(editor, "working", n_times + 1)
    os.kill(first, signal.SIGKILL)
    assert editor.client.reply(request_id)["result"]["items"] == []
    assert editor.reasons()[-1] in ("engineError", "engineUnavailable")
    editor.show(COUNTING.replace("count", "again"))
    request_id = editor.ask()
    editor.client.reply(request_id, LOAD_S)
    assert editor.texts(request_id) == ["5"]
    assert health()["pid"] != first
