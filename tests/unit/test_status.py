"""What the person is told, and how often."""

from collections.abc import Mapping

from lsp_server.document import Unfit
from lsp_server.status import Reason, Severity, State, Status


class Recorder:
    """A client that writes down what reached it."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def send_status(self, params: Mapping[str, object]) -> None:
        self.heard.append(("status", params["state"], params["reason"], params["model"], params["progress"]))

    def show_message(self, message: str, severity: Severity) -> None:
        self.heard.append(("message", message, severity.value))

    def show_progress(self, title: str, message: str, share: float) -> None:
        self.heard.append(("progress", title, message, share))

    def end_progress(self, message: str) -> None:
        self.heard.append(("end", message))


def test_only_changes_are_sent_and_the_model_stays() -> None:
    client = Recorder()
    status = Status(client)
    status.report(State.READY, model="m")
    status.report(State.READY)
    status.report(State.READY, Reason.NOTHING_TO_ADD)
    status.report(State.READY, Reason.NOTHING_TO_ADD)
    assert client.heard == [("status", "ready", None, "m", None), ("status", "ready", "nothingToAdd", "m", None)]


def test_loading_is_shown_as_progress_until_it_ends() -> None:
    client = Recorder()
    status = Status(client)
    status.report(State.LOADING, Reason.MODEL_LOADING, model="m", progress=0.251)
    status.report(State.LOADING, Reason.MODEL_LOADING, progress=0.252)
    status.report(State.READY)
    status.report(State.WORKING)
    assert [heard for heard in client.heard if heard[0] != "status"] == [
        ("progress", "Hearthline: loading m", "the model is still being read", 0.25),
        ("end", "ready"),
    ]


def test_a_message_is_shown_once_until_what_it_was_about_is_mended() -> None:
    client = Recorder()
    status = Status(client)
    for _ in range(3):
        status.say_once("model", "no model", Severity.WARNING)
    status.forget("model")
    status.say_once("model", "no model", Severity.WARNING)
    assert client.heard == [("message", "no model", "warning")] * 2


def test_every_reason_and_state_has_words() -> None:
    client = Recorder()
    status = Status(client)
    for reason in Reason:
        status.report(State.READY, reason)
    for state in State:
        status.report(state)
    assert len(client.heard) >= len(Reason) + len(State)
    assert all(Reason.of_unfit(unfit) for unfit in Unfit)


def test_a_paused_window_says_so_until_it_is_resumed_and_hides_no_problem() -> None:
    client = Recorder()
    status = Status(client)
    status.report(State.READY, model="m")
    status.pause(is_paused=True)
    status.report(State.WORKING)
    status.report(State.PROBLEM, Reason.ENGINE_UNAVAILABLE)
    status.report(State.READY, Reason.NOTHING_TO_ADD)
    status.pause(is_paused=False)
    assert client.heard == [
        ("status", "ready", None, "m", None),
        ("status", "paused", "paused", "m", None),
        ("status", "problem", "engineUnavailable", "m", None),
        ("status", "paused", "paused", "m", None),
        ("status", "ready", "nothingToAdd", "m", None),
    ]
