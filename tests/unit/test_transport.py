"""Frames, messages, outbox and parent watch, without a process."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from lsp_server.transport import frames
from lsp_server.transport.encode import encode, superseding_key
from lsp_server.transport.frames import Body, FrameParser, Noise, Oversized, lost_frame
from lsp_server.transport.messages import (
    Invalid,
    MessageDecoder,
    Notification,
    NotJsonError,
    Request,
    Response,
    oversized,
    wire_converter,
)
from lsp_server.transport.outbox import Outbox
from lsp_server.transport.parent_watch import ParentWatch
from tests.lsp_client import DEADLINE_S, frame, wait_until


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for begin, end in pairwise(edges):
        yield data[begin:end]


# Bytes that cannot be mistaken for a header, so that what must be found is known.
NOISE = st.sampled_from(
    [b"", b"noise\r\n", b"{}", b"\xff\x00\n", b"Content-Type: x\r\n\r\n", b"\r\n", b"x" * 9000 + b"\n"]
)


@given(st.lists(st.tuples(NOISE, st.binary(max_size=60)), max_size=6), st.lists(st.integers(0, 10_000), max_size=8))
def test_every_frame_is_found_between_noise_wherever_reads_fall(
    parts: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    data = b"".join(noise + frame(body) for noise, body in parts)
    parser = FrameParser()
    found = [event for piece in pieces(data, cuts) for event in parser.feed(piece)]
    assert [event.data for event in found if isinstance(event, Body)] == [body for _, body in parts]
    assert not parser.inside_frame


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_taken(data: bytes, cuts: list[int]) -> None:
    parser = FrameParser()
    for piece in pieces(data, cuts):
        list(parser.feed(piece))


def test_a_run_of_noise_is_one_event() -> None:
    events = list(FrameParser().feed(b"one\ntwo\nthree\n" + frame(b"{}") + b"four\n"))
    assert [type(event) for event in events] == [Noise, Body, Noise]


def test_a_body_over_the_limit_is_skipped_but_for_its_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_BODY_BYTES", 100_000)
    body = b"<" + bytes(200_000) + b">"
    parser = FrameParser()
    data = frame(body) + frame(b"next")
    events = [event for begin in range(0, len(data), 7_000) for event in parser.feed(data[begin : begin + 7_000])]
    assert isinstance(events[0], Oversized)
    assert (events[0].n_bytes, events[0].head[:1], events[0].tail[-1:]) == (len(body), b"<", b">")
    assert events[1:] == [Body(b"next")]


def test_a_frame_inside_a_body_that_was_announced_too_long() -> None:
    inner = b'{"a"}' + frame(b"{}")
    assert lost_frame(inner) == 5
    assert lost_frame(json.dumps({"text": "Content-Length: 5\r\n\r\n"}).encode()) is None


@pytest.fixture
def decoder() -> MessageDecoder:
    return MessageDecoder(wire_converter(), lambda _: None)


def decode(decoder: MessageDecoder, **message: object) -> object:
    [decoded] = decoder.decode(json.dumps({"jsonrpc": "2.0", **message}).encode())
    return decoded


def test_messages_become_requests_notifications_and_responses(decoder: MessageDecoder) -> None:
    assert decode(decoder, id=1, method="x/y", params={"a": 1}) == Request(1, "x/y", {"a": 1})
    assert decode(decoder, method="x/y") == Notification("x/y", None)
    assert decode(decoder, id="a", result=None) == Response("a", None)
    assert decode(decoder, id="a", error={"code": 1, "message": "no"}) == Response("a", error="no")
    assert decode(decoder, id="a", error=None) == Response("a", error="the client refused")


def test_no_text_is_made_of_what_is_none(decoder: MessageDecoder) -> None:
    invalid = decode(decoder, id=1, method="textDocument/hover", params={"textDocument": {"uri": None}})
    assert isinstance(invalid, Invalid)
    assert invalid.code == -32602
    text = {"textDocument": {"uri": "file:///a", "version": 1}, "contentChanges": [{"text": None}]}
    lost = decode(decoder, method="textDocument/didChange", params=text)
    assert isinstance(lost, Invalid)
    assert (lost.lost_uri, lost.reply) == ("file:///a", False)


def test_refusals_repeat_nothing_of_what_they_refuse(decoder: MessageDecoder) -> None:
    for params in ({"textDocument": "SECRET"}, {"textDocument": {"uri": ["SECRET"]}}, "SECRET"):
        invalid = decode(decoder, id=1, method="textDocument/hover", params=params)
        assert "SECRET" not in repr(invalid)
    with pytest.raises(NotJsonError) as not_json:
        decoder.decode(b'{"text": SECRET}')
    assert "SECRET" not in str(not_json.value)


def test_empty_params_may_be_left_out(decoder: MessageDecoder) -> None:
    assert decode(decoder, method="initialized") == Notification("initialized", types.InitializedParams())


@pytest.mark.parametrize("uri_first", [True, False])
def test_the_document_of_a_skipped_message_is_told_from_its_edges(*, uri_first: bool) -> None:
    item: dict[str, object] = {"text": '"uri": "file:///wrong" ' * 2000}
    item = {"uri": "file:///right", **item} if uri_first else {**item, "uri": "file:///right"}
    message = {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": item}}
    body = json.dumps(message).encode()
    assert oversized(Oversized(len(body), body[:16_384], body[-16_384:])).lost_uri == "file:///right"
    other = body.replace(b"didOpen", b"didThat")
    assert oversized(Oversized(len(other), other[:16_384], other[-16_384:])).lost_uri is None


def test_halves_of_surrogate_pairs_do_not_stop_an_answer() -> None:
    assert encode(wire_converter(), {"text": "a\ud83d🦊"}) == '{"text":"a?🦊"}'.encode()


def test_only_statuses_and_reports_of_progress_give_way() -> None:
    def progress(value: object) -> object:
        return types.ProgressNotification(types.ProgressParams("t", value))

    assert superseding_key(progress(types.WorkDoneProgressReport())) == "$/progress t"
    assert superseding_key(progress(types.WorkDoneProgressEnd())) is None
    assert superseding_key(types.ShowMessageNotification(types.ShowMessageParams(types.MessageType.Info, "m"))) is None


class Pipe:
    """A pipe whose reader may be slow, with an outbox at its other end."""

    def __init__(self) -> None:
        self.read_fd, self.write_fd = os.pipe()
        self.dead: list[str] = []
        self.outbox = Outbox(self.write_fd, self.dead.append)
        self.outbox.start()

    def read_to_end(self) -> list[bytes]:
        """Return the bodies that came until the outbox was closed."""
        closer = threading.Thread(target=self.close_writer)
        closer.start()
        with os.fdopen(self.read_fd, "rb") as stream:
            data = stream.read()
        closer.join(DEADLINE_S)
        return [event.data for event in FrameParser().feed(data) if isinstance(event, Body)]

    def close_writer(self) -> None:
        self.outbox.close(DEADLINE_S)
        os.close(self.write_fd)


def test_everything_leaves_in_order_and_only_keyed_messages_give_way() -> None:
    pipe = Pipe()
    block = b"b" * 200_000  # more than a pipe holds: what follows waits in the outbox
    pipe.outbox.post(block)
    for number in range(1000):
        pipe.outbox.post(b"status %d" % number, "status")
        pipe.outbox.post(b"reply %d" % number)
    bodies = pipe.read_to_end()
    assert bodies[0] == block
    assert [body for body in bodies if body.startswith(b"reply")] == [b"reply %d" % number for number in range(1000)]
    statuses = [body for body in bodies if body.startswith(b"status")]
    assert statuses[-1] == b"status 999"
    assert len(statuses) < 10
    assert pipe.dead == []


def test_a_reader_that_is_gone_is_noticed_once() -> None:
    pipe = Pipe()
    os.close(pipe.read_fd)
    for _ in range(3):
        pipe.outbox.post(b"x")
    wait_until(lambda: pipe.dead != [], "the notice")
    pipe.outbox.post(b"x")
    pipe.close_writer()
    assert len(pipe.dead) == 1


def test_closing_does_not_wait_for_ever_for_a_reader_that_does_not_read() -> None:
    pipe = Pipe()
    pipe.outbox.post(b"x" * 10_000_000)
    assert not pipe.outbox.close(0.05)
    os.close(pipe.read_fd)
    pipe.outbox.close(DEADLINE_S)
    os.close(pipe.write_fd)


def test_the_end_of_a_watched_process_is_noticed() -> None:
    gone = threading.Event()
    watch = ParentWatch(lambda _: gone.set())
    editor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    watch.also_watch(editor.pid)
    watch.start()
    editor.communicate(b"\n")
    assert gone.wait(DEADLINE_S)


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 5])
def test_what_is_no_process_here_is_not_watched(pid: int) -> None:
    gone: list[str] = []
    watch = ParentWatch(gone.append)
    watch.also_watch(pid)
    assert watch._editor is None
