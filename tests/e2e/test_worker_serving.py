"""A worker that runs: answers, streams, supersession, withdrawal, deadlines and bad requests, over its real socket."""

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from inference import WIRE_VERSION, __version__
from inference.app import MAX_BODY_BYTES
from tests.e2e.worker_process import WorkerProcess, read_events, wait_for
from tests.tiny_model import N_CONTEXT

LONG = 8000  # tokens, about eight seconds of the tiny model

pytestmark = pytest.mark.usefixtures("settled")


def start_stream(worker: WorkerProcess, **fields: Any) -> tuple[httpx.Response, Iterator[str]]:
    request = worker.client.build_request("POST", "/v1/completions", json={"stream": True, **fields})
    response = worker.client.send(request, stream=True)
    return response, read_events(response)


def test_health(worker: WorkerProcess) -> None:
    health = worker.wait_until("ready")
    assert (health["version"], health["wire"], health["pid"]) == (__version__, WIRE_VERSION, worker.process.pid)
    assert health["progress"] == 1.0
    assert health["device"] in ("cpu", "metal", "cuda")
    (model,) = health["models"]
    assert (model["name"], model["roles"], model["state"]) == ("tiny", ["assistant", "completion"], "ready")
    assert (model["n_context"], model["fim"], model["dtype"]) == (N_CONTEXT, True, "float32")
    assert model["prefill_tokens_per_s"] > 0
    assert model["decode_tokens_per_s"] > 0


def test_a_stream_says_what_the_whole_answer_says(worker: WorkerProcess) -> None:
    fields = {"prompt": "def f(", "suffix": "\n", "path": "a.py", "max_tokens": 9, "logprobs": 1}
    whole = worker.complete(**fields).json()
    response, events = start_stream(worker, **fields)
    assert response.headers["content-type"] == "text/event-stream"
    *chunks, done = events
    assert done == "[DONE]"
    *pieces, last = [json.loads(chunk) for chunk in chunks]
    assert len(pieces) == 9
    assert "".join(piece["choices"][0]["text"] for piece in pieces) == whole["choices"][0]["text"]
    logprobs = [piece["choices"][0]["logprobs"]["token_logprobs"][0] for piece in pieces]
    assert logprobs == pytest.approx(whole["choices"][0]["logprobs"]["token_logprobs"], abs=1e-3)
    assert all(piece["choices"][0]["finish_reason"] is None for piece in pieces)
    assert last["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"] == "length"
    # Three tokens mark prefix, suffix and middle; the file's name is told beside other files alone.
    assert last["usage"]["prompt_tokens"] == whole["usage"]["prompt_tokens"] == 3 + 6 + 1
    assert last["usage"]["prompt_tokens_details"]["cached_tokens"] == 9
    assert {"queue_ms", "prefill_ms", "decode_ms"} == last["timings"].keys()


def test_without_a_suffix_the_prompt_is_continued_as_it_stands(worker: WorkerProcess) -> None:
    answer = worker.complete(prompt="<|fim_prefix|>", max_tokens=1).json()
    assert answer["usage"]["prompt_tokens"] == len("<|fim_prefix|>")
    assert worker.complete(prompt="", max_tokens=2).json()["usage"]["prompt_tokens"] == 1


def test_chat(worker: WorkerProcess) -> None:
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi <|im_end|>"}]
    fields: dict[str, Any] = {"messages": messages, "max_tokens": 6}
    whole = worker.client.post("/v1/chat/completions", json=fields).json()
    assert whole["choices"][0]["message"]["role"] == "assistant"
    with worker.client.stream("POST", "/v1/chat/completions", json=fields | {"stream": True}) as response:
        *chunks, done = read_events(response)
    assert done == "[DONE]"
    deltas = [json.loads(chunk)["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == whole["choices"][0]["message"]["content"]


def test_the_models_are_listed_and_may_be_named(worker: WorkerProcess) -> None:
    (model,) = worker.client.get("/v1/models").json()["data"]
    assert model["id"] == "tiny"
    assert worker.complete(model="tiny", prompt="x", max_tokens=1).json()["model"] == "tiny"
    refused = worker.complete(model="gpt-4", prompt="x")
    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == "model_not_found"
    assert "tiny" in refused.json()["error"]["message"]


def test_a_newer_request_with_the_same_key_supersedes_the_older(worker: WorkerProcess) -> None:
    response, events = start_stream(worker, prompt="x" * 50, max_tokens=LONG, key="document")
    assert json.loads(next(events))["choices"][0]["text"]
    newer = worker.complete(prompt="x" * 51, max_tokens=2, key="document", priority="interactive")
    assert newer.json()["usage"]["prompt_tokens_details"]["cached_tokens"] == 50
    *_, last, done = events
    assert json.loads(last)["choices"][0]["finish_reason"] == "cancelled"
    assert done == "[DONE]"
    response.close()


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_stops_the_model(worker: WorkerProcess, stream: bool) -> None:
    cancelled = 'hearthline_requests_total{endpoint="/v1/completions",finish_reason="cancelled"}'
    n_cancelled, n_decoded = worker.counter(cancelled), worker.counter("hearthline_decoded_tokens_total")
    body = json.dumps({"prompt": "x", "max_tokens": LONG, "stream": stream}).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
        raw.connect(str(worker.socket_path))
        raw.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        wait_for(lambda: worker.counter("hearthline_active") == 1)
    wait_for(lambda: worker.counter(cancelled) == n_cancelled + 1, 5.0)
    assert worker.counter("hearthline_active") == 0
    assert worker.counter("hearthline_decoded_tokens_total") - n_decoded < LONG / 2


def test_a_deadline_ends_the_answer_with_what_there_is(worker: WorkerProcess) -> None:
    answer = worker.complete(prompt="x", max_tokens=LONG, deadline_ms=1000).json()
    assert answer["choices"][0]["finish_reason"] == "deadline"
    assert 0 < answer["usage"]["completion_tokens"] < LONG
    assert answer["choices"][0]["text"]


def test_a_person_does_not_wait_for_background_work(worker: WorkerProcess) -> None:
    response, events = start_stream(worker, prompt="x" * 4000, max_tokens=4000, priority="background")
    next(events)
    answer = worker.complete(prompt="y", max_tokens=5, priority="interactive").json()
    assert answer["timings"]["queue_ms"] < 1000
    assert worker.counter("hearthline_active") == 1, "the background job has ended, so it showed nothing"
    response.close()


def test_many_at_once_are_all_answered_or_refused_in_words(worker: WorkerProcess) -> None:
    statuses: list[int] = []

    def ask() -> None:
        response = worker.complete(prompt="x" * 200, max_tokens=2, priority="background")
        statuses.append(response.status_code)
        if response.status_code == 429:
            assert int(response.headers["retry-after"]) >= 1
            assert response.json()["error"]["code"] == "overloaded"

    threads = [threading.Thread(target=ask) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 60
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) >= 32


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{}", "prompt"),
        (b"\xff\x00\x01", None),
        (b'{"prompt": "x", "suffix": 1}', "suffix"),
        (b'{"prompt": "x", "best_of": 4}', "best_of"),
        (b'{"prompt": "%s"}' % (b"x" * (N_CONTEXT + 1)), "prompt"),
    ],
)
def test_bad_requests_are_refused_in_words(worker: WorkerProcess, body: bytes, param: str | None) -> None:
    response = worker.client.post("/v1/completions", content=body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert (param or "JSON") in error["message"]


def test_a_hole_is_cut_to_fit_where_a_prompt_is_refused(worker: WorkerProcess) -> None:
    answer = worker.complete(prompt="x\n" * N_CONTEXT, suffix="y" * N_CONTEXT, max_tokens=1).json()
    assert 0.6 * N_CONTEXT < answer["usage"]["prompt_tokens"] < N_CONTEXT


def test_a_body_over_the_limit_is_refused_unread(worker: WorkerProcess) -> None:
    too_large = b"x" * (MAX_BODY_BYTES + 1)
    response = worker.client.post("/v1/completions", content=too_large)
    assert response.status_code == 413
    assert str(MAX_BODY_BYTES) in response.json()["error"]["message"]
    chunked = worker.client.post("/v1/completions", content=iter([too_large]))
    assert chunked.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/v1/completions", 405), ("POST", "/health", 405)]
)
def test_wrong_paths_and_methods(worker: WorkerProcess, method: str, path: str, status: int) -> None:
    response = worker.client.request(method, path)
    assert response.status_code == status
    assert response.json()["error"]["message"]


def test_the_root_says_who_is_here(worker: WorkerProcess) -> None:
    assert worker.client.head("/").status_code == 200
    assert worker.client.get("/").json() == {"name": "hearthline", "version": __version__, "wire": WIRE_VERSION}


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\xff" * 100 + b"\r\n\r\n",
        b"POST /v1/completions HTTP/1.1\r\nHost: w\r\nContent-Length: minus\r\n\r\n",
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /v1/completions HTTP/1.1\r\nHost: w\r\nContent-Length: 100\r\n\r\n{",
    ],
)
def test_garbage_on_the_socket_hurts_no_one(worker: WorkerProcess, garbage: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
        raw.connect(str(worker.socket_path))
        raw.sendall(garbage)
        raw.shutdown(socket.SHUT_WR)
        raw.settimeout(10)
        answer = raw.recv(4096)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert worker.complete(prompt="x", max_tokens=1).status_code == 200


def test_logs_and_metrics_hold_no_source(worker: WorkerProcess) -> None:
    marker = "quite_unmistakable"
    worker.complete(prompt=marker, suffix=marker, path=marker, max_tokens=2)
    worker.complete(prompt=marker, priority=marker)
    worker.client.post("/v1/completions", content=f'{{"{marker}": 1'.encode())
    assert marker not in worker.log_path.read_text()
    assert marker not in worker.client.get("/metrics").text
