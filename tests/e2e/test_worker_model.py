"""The worker with real weights: what comes over the wire is what the model says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.models.catalogue import TEST_MODEL
from tests.e2e.worker_process import WorkerProcess, read_events, start_worker

pytestmark = pytest.mark.model


@pytest.fixture
def worker(model_home: Path) -> Iterator[WorkerProcess]:
    with start_worker(model_home, TEST_MODEL) as running:
        running.wait_until("ready")
        yield running


def test_it_completes_chats_and_reuses_what_it_has_read(worker: WorkerProcess) -> None:
    (model,) = worker.wait_until("ready")["models"]
    assert (model["name"], model["fim"]) == (TEST_MODEL, False)

    prefix = "def add(a, b):\n    return a +"
    fields = {"prompt": prefix, "suffix": "\n\nprint(add(1, 2))\n", "max_tokens": 6, "stop": "\n", "stream": True}
    with worker.client.stream("POST", "/v1/completions", json=fields) as response:
        *chunks, done = read_events(response)
    assert done == "[DONE]"
    *pieces, last = [json.loads(chunk) for chunk in chunks]
    assert "".join(piece["choices"][0]["text"] for piece in pieces) == " b"
    assert last["choices"][0]["finish_reason"] == "stop"

    typed = worker.complete(prompt=prefix + " b\n\n\ndef", suffix="\n", max_tokens=4).json()
    assert typed["usage"]["prompt_tokens_details"]["cached_tokens"] >= last["usage"]["prompt_tokens"] - 1

    chat = {"messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 12}
    answer = worker.client.post("/v1/chat/completions", json=chat).json()
    assert "Paris" in answer["choices"][0]["message"]["content"]
    assert "<|" not in answer["choices"][0]["message"]["content"]
