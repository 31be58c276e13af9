"""Pausing a window, its figures and its log, through the real server process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_inline_completion import INLINE, MEAN, ONE_BY_ONE, SERVER, Editor
from tests.lsp_client import LspClient, LspError


@pytest.fixture
def client(hearthline_home: Path) -> Iterator[LspClient]:
    with LspClient(hearthline_home, SERVER) as client:
        yield client


def run(client: LspClient, command: str) -> object:
    return client.call("workspace/executeCommand", {"command": command})


def test_a_paused_window_asks_no_engine_until_it_is_resumed(client: LspClient) -> None:
    client.initialize(INLINE, {"completion": {"debounceMs": 0, **ONE_BY_ONE}})
    editor = Editor(client)
    run(client, "hearthline.pause")
    client.notification("hearthline/status", lambda status: status["state"] == "paused")
    assert editor.ghost(MEAN) == []
    assert client.call("probe/served", {}) == []
    run(client, "hearthline.resume")
    assert editor.ghost(MEAN) == ["return sum(values) / len(values)"]


def test_pausing_lets_go_of_what_the_engine_is_at(client: LspClient) -> None:
    client.initialize(INLINE, {"completion": {"debounceMs": 0, **ONE_BY_ONE}})
    editor = Editor(client)
    editor.show("hanging = ‸")
    asked = editor.ask()
    client.notification("hearthline/status", lambda status: status["state"] == "working")
    run(client, "hearthline.pause")
    with pytest.raises(LspError, match="cancelled"):
        editor.texts(asked)
    (served,) = client.call("probe/served", {})
    assert served["closedEarly"]


def test_the_figures_are_of_the_last_month(client: LspClient) -> None:
    client.initialize(INLINE)
    figures = run(client, "hearthline.stats")
    assert isinstance(figures, dict)
    assert figures["n_days"] == 30
    assert {"days", "n_shown", "outcomes", "n_chars_taken", "latency_ms_p50"} <= set(figures)


def test_the_log_is_opened_where_the_client_opens_documents(client: LspClient, hearthline_home: Path) -> None:
    client.answers["window/showDocument"] = lambda _: {"success": True}
    client.initialize({"window": {"showDocument": {"support": True}}})
    run(client, "hearthline.showLog")
    asked = client.wait_for(lambda message: message.get("method") == "window/showDocument")["params"]
    assert asked["uri"] == (hearthline_home / "log" / "lsp.log").as_uri()


def test_a_client_that_opens_none_is_told_where_the_log_is(client: LspClient) -> None:
    client.initialize({})
    with pytest.raises(LspError, match=r"lsp\.log"):
        run(client, "hearthline.showLog")
