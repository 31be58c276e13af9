"""Answers held to a form, over the worker's real socket: streamed, whole, refused, superseded."""

import json
import re
from typing import Any

import jsonschema
import pytest

from tests.e2e.worker_process import WorkerProcess, read_events

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["true_positive", "false_positive"]},
        "explanation": {"type": "string", "maxLength": 30},
        "lines": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 999}, "maxItems": 3},
    },
    "required": ["verdict", "explanation", "lines"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA}}
QUESTION = [{"role": "user", "content": "Is this a finding?"}]

pytestmark = pytest.mark.usefixtures("settled")


def stream(worker: WorkerProcess, path: str, **fields: Any) -> tuple[list[Any], str]:
    with worker.client.stream("POST", path, json=fields | {"stream": True}) as response:
        *chunks, last = read_events(response)
    return [json.loads(chunk) for chunk in chunks], last


def test_health_says_what_an_answer_can_be_held_to(worker: WorkerProcess) -> None:
    (model,) = worker.wait_until("ready")["models"]
    assert model["constraints"] == ["json_schema", "regex", "grammar", "choice"]


@pytest.mark.parametrize("sampling", [{}, {"temperature": 1.0, "seed": 5}])
def test_a_chat_says_what_the_schema_allows_streamed_and_whole(worker: WorkerProcess, sampling: dict[str, Any]) -> None:
    fields = {"messages": QUESTION, "response_format": FORMAT, "max_tokens": 400, **sampling}
    whole = worker.client.post("/v1/chat/completions", json=fields).json()
    (choice,) = whole["choices"]
    jsonschema.validate(json.loads(choice["message"]["content"]), SCHEMA)
    assert choice["finish_reason"] == "stop"
    assert whole["usage"]["completion_tokens"] == len(choice["message"]["content"].encode())
    chunks, done = stream(worker, "/v1/chat/completions", **fields)
    assert done == "[DONE]"
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert said == choice["message"]["content"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_what_does_not_fit_ends_as_length(worker: WorkerProcess) -> None:
    fields = {"messages": QUESTION, "response_format": FORMAT, "max_tokens": 20}
    whole = worker.client.post("/v1/chat/completions", json=fields).json()
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["choices"][0]["message"]["content"].startswith('{"verdict": "')
    assert whole["usage"]["completion_tokens"] == 20


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"regex": r"[à-ÿ]{4}-\d{2}"}, r"[à-ÿ]{4}-[0-9]{2}"),
        ({"choice": ["yes", "no", "не знаю"]}, "yes|no|не знаю"),
        ({"grammar": 'start: NUMBER ("+" NUMBER){2}\nNUMBER: /[1-9][0-9]{0,2}/'}, r"\d+\+\d+\+\d+"),
        ({"grammar": 'root ::= "SELECT " [a-z] [a-z]'}, "SELECT [a-z]{2}"),
    ],
)
def test_a_completion_says_what_it_is_held_to(worker: WorkerProcess, outputs: dict[str, Any], expected: str) -> None:
    fields: dict[str, Any] = {"prompt": "x = ", "structured_outputs": outputs, "logprobs": 1}
    whole = worker.complete(**fields).json()
    assert re.fullmatch(expected, whole["choices"][0]["text"])
    assert whole["choices"][0]["finish_reason"] == "stop"
    chunks, _ = stream(worker, "/v1/completions", **fields)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == whole["choices"][0]["text"]
    assert all(logprob < 0 for logprob in whole["choices"][0]["logprobs"]["token_logprobs"])
    hole = worker.complete(suffix="\n", **fields).json()
    assert re.fullmatch(expected, hole["choices"][0]["text"])


def test_any_object_is_one(worker: WorkerProcess) -> None:
    fields = {"messages": QUESTION, "response_format": {"type": "json_object"}, "max_tokens": 3000}
    choice = worker.client.post("/v1/chat/completions", json=fields).json()["choices"][0]
    assert choice["message"]["content"].startswith("{")
    if choice["finish_reason"] == "stop":
        assert isinstance(json.loads(choice["message"]["content"]), dict)


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"structured_outputs": {"regex": "(a"}}, "structured_outputs.regex", "unclosed group"),
        ({"structured_outputs": {"json": {"type": "what"}}}, "structured_outputs.json", "Invalid type: what"),
        ({"structured_outputs": {"grammar": "start: b"}}, "structured_outputs.grammar", 'unknown name: "b"'),
        ({"guided_regex": "a"}, "guided_regex", "not known"),
    ],
)
def test_what_cannot_be_held_to_is_refused_before_any_work(
    worker: WorkerProcess, fields: dict[str, Any], param: str, words: str
) -> None:
    n_prompt = worker.counter("hearthline_prompt_tokens_total")
    response = worker.complete(prompt="x", **fields)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["param"] == param
    assert words in error["message"]
    assert worker.counter("hearthline_prompt_tokens_total") == n_prompt


def test_a_grammar_that_leads_nowhere_fails_alone_however_often(worker: WorkerProcess) -> None:
    stuck: dict[str, Any] = {"prompt": "x", "structured_outputs": {"grammar": "start: /[a-z]{8}/ <[257]>"}}
    for _ in range(4):
        response = worker.complete(**stuck)
        assert response.status_code == 400
        assert "nothing may follow" in response.json()["error"]["message"]
    chunks, last = stream(worker, "/v1/completions", **stuck)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks).isalpha()
    assert json.loads(last)["error"]["param"] == "structured_outputs.grammar"
    assert worker.complete(prompt="x", max_tokens=1).status_code == 200


def test_a_held_answer_is_superseded_mid_way(worker: WorkerProcess) -> None:
    fields = {"prompt": "x", "structured_outputs": {"regex": "[a-z]+"}, "max_tokens": 8000, "key": "document"}
    request = worker.client.build_request("POST", "/v1/completions", json=fields | {"stream": True})
    response = worker.client.send(request, stream=True)
    events = read_events(response)
    assert json.loads(next(events))["choices"][0]["text"].isalpha()
    newer = worker.complete(prompt="xy", structured_outputs={"choice": ["yes", "no"]}, key="document").json()
    assert newer["choices"][0]["text"] in ("yes", "no")
    *_, last, done = events
    assert json.loads(last)["choices"][0]["finish_reason"] == "cancelled"
    assert done == "[DONE]"
    response.close()


def test_logs_hold_nothing_of_what_was_asked_for(worker: WorkerProcess) -> None:
    marker = "quite_unmistakable"
    worker.complete(prompt="x", structured_outputs={"choice": [marker]})
    worker.complete(prompt="x", structured_outputs={"json": {"type": marker}})
    worker.complete(prompt="x", structured_outputs={"grammar": f'start: "{marker}" <[257]>'})
    assert marker not in worker.log_path.read_text()
    assert marker not in worker.client.get("/metrics").text
