"""What the wire accepts, what it refuses in which words, and the shapes it answers in."""

import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import errors
from inference.errors import RequestInvalid
from inference.fim_templates import Hole
from inference.jobs import Finished, FinishReason, Piece, Sampling
from inference.openai_answers import CompletionAnswer, refusal
from inference.openai_api import ChatRequest, CompletionRequest, parse_request
from inference.openai_messages import arrange
from inference.scheduler import Priority

CHAT = b'{"messages": [{"role": "user", "content": "hi"}]'


def completion(body: str) -> CompletionRequest:
    return parse_request(body.encode(), CompletionRequest)


def test_defaults() -> None:
    request = completion('{"prompt": "def f("}')
    assert request.hole() is None
    assert request.n_tokens() == 64
    assert request.sampling() == Sampling(0.0, 1.0, 0, None)
    assert request.stop_strings() == ()
    assert request.priority_class() is Priority.FOREGROUND
    assert not request.wants_logprobs()
    assert not request.stream


def test_everything_at_once() -> None:
    request = completion(
        '{"model": "m", "prompt": "P", "suffix": "", "path": "a.py", "repo": "R",'
        ' "snippets": [{"path": "b", "text": "c"}], "max_tokens": 9, "temperature": 0.5,'
        ' "top_p": 0.9, "top_k": 5, "seed": 1, "stop": ["x", "y"], "stream": true,'
        ' "stream_options": {"include_usage": true}, "logprobs": 1, "n": 1, "echo": false, "priority": "interactive",'
        ' "key": "k", "deadline_ms": 100, "user": "u"}'
    )
    assert request.hole() == Hole("P", "", "a.py", "R", (("b", "c"),))
    assert request.sampling() == Sampling(0.5, 0.9, 5, 1)
    assert request.stop_strings() == ("x", "y")
    assert request.priority_class() is Priority.INTERACTIVE


def test_a_completion_may_ask_for_no_token_at_all() -> None:
    assert completion('{"prompt": "P", "max_tokens": 0}').n_tokens() == 0
    with pytest.raises(RequestInvalid, match="max_tokens: expected `int` >= 1"):
        parse_request(CHAT + b', "max_tokens": 0}', ChatRequest)


def test_null_stands_for_the_default_as_in_the_protocol() -> None:
    fields = (
        "model",
        "suffix",
        "max_tokens",
        "temperature",
        "top_p",
        "seed",
        "stop",
        "stream",
        "logprobs",
        "n",
        "user",
    )
    request = completion(json.dumps({"prompt": "P"} | dict.fromkeys(fields)))
    assert request == completion('{"prompt": "P"}')


def test_chat_takes_text_parts_and_either_name_of_the_limit() -> None:
    body = b'{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]'
    request = parse_request(body + b', "max_completion_tokens": 3, "stop": "x"}', ChatRequest)
    assert arrange(request.messages) == [{"role": "user", "content": "ab"}]
    assert request.n_tokens() == 3
    assert request.stop_strings() == ("x",)
    assert parse_request(CHAT + b', "max_tokens": 4}', ChatRequest).n_tokens() == 4
    assert parse_request(CHAT + b"}", ChatRequest).n_tokens() == 512


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        (b"{}", "prompt", "The field prompt is missing"),
        (b'{"prompt": 1}', "prompt", "prompt: expected `str`, got `int`"),
        (b'{"prompt": ["a"]}', "prompt", "prompt: expected `str`, got `array`"),
        (b'{"prompt": "", "best_of": 2}', "best_of", "The field best_of is not known; the fields are model, .*prompt"),
        (b'{"prompt": "", "n": 2}', "n", "n: only 1 is possible"),
        (b'{"prompt": "", "echo": true}', "echo", "echo: only false is possible"),
        (b'{"prompt": "", "max_tokens": -1}', "max_tokens", "max_tokens: expected `int` >= 0"),
        (b'{"prompt": "", "temperature": "hot"}', "temperature", "temperature: expected `float.*got `str`"),
        (b'{"prompt": "", "temperature": 3}', "temperature", "temperature: expected `float` <= 2"),
        (b'{"prompt": "", "top_p": 0}', "top_p", "top_p: expected `float` > 0"),
        (b'{"prompt": "", "stop": [""]}', r"stop[0]", r"stop\[0\]: expected `str` of length >= 1"),
        (b'{"prompt": "", "priority": "now"}', "priority", "priority: only interactive, foreground or background"),
        (b'{"prompt": "", "snippets": [{"path": "a"}]}', "snippets[0].text", r"snippets\[0\].text is missing"),
        (b'{"prompt": "", "snippets": [{"path": "a", "text": "", "x": 1}]}', "snippets[0].x", "x is not known in snip"),
        (b'{"prompt": "", "logprobs": 5}', "logprobs", "logprobs: expected `int` <= 1"),
        (b'{"prompt": "", "deadline_ms": -1}', "deadline_ms", "deadline_ms: expected `int` >= 1"),
        (b"[]", None, "The body: expected `object`, got `array`"),
        (b"", None, "The body is not JSON in UTF-8"),
        (b"\xff\xfe\x00", None, "The body is not JSON in UTF-8"),
        (b'{"prompt": "\xff"}', None, "The body is not JSON in UTF-8"),
        (b'{"prompt": "\\ud800"}', None, "The body is not JSON in UTF-8"),
        (b'{"prompt": ' + b"[" * 100_000, None, ".*"),
    ],
)
def test_a_refusal_names_the_field_and_what_would_be_right(body: bytes, param: str | None, words: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        parse_request(body, CompletionRequest)
    assert re.search(words, str(refused.value))
    if param is not None:
        assert refused.value.param == param


@pytest.mark.parametrize(
    ("field", "param"),
    [
        (b'"best_of": 1', "best_of"),
        (b'"response_format": {}', "response_format.type"),
        (b'"suffix": ""', "suffix"),
        (b'"messages": []', "messages"),
        (b'"messages": [{"role": "critic", "content": ""}]', "messages[0].role"),
        (b'"messages": [{"role": "tool", "content": ""}]', "messages[0].tool_call_id"),
        (b'"messages": [{"role": "user", "content": [{"type": "image_url"}]}]', "messages[0].content[0].type"),
    ],
)
def test_chat_refuses_what_it_does_not_do(field: bytes, param: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        parse_request(CHAT + b", " + field + b"}", ChatRequest)
    assert refused.value.param == param or param.startswith("messages[0].content")


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with pytest.raises(RequestInvalid):
        parse_request(body, ChatRequest)


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3))


@given(st.dictionaries(st.sampled_from([*CompletionRequest.__struct_fields__, "x"]), JSON))
def test_no_object_raises_anything_else(body: dict[str, Any]) -> None:
    with contextlib.suppress(RequestInvalid):
        assert isinstance(parse_request(json.dumps(body).encode(), CompletionRequest).prompt, str)


FINISHED = Finished(FinishReason.LENGTH, 10, 4, 3, 0.001, 0.02, 0.3)


def test_a_completion_stream() -> None:
    answer = CompletionAnswer(7, "m", 1)
    assert answer.opening() is None
    (chunk,) = map(json.loads, answer.chunks(Piece("return", -0.5)))
    assert chunk == {
        "id": "cmpl-7",
        "object": "text_completion",
        "model": "m",
        "created": 1,
        "choices": [
            {
                "index": 0,
                "text": "return",
                "finish_reason": None,
                "logprobs": {"tokens": ["return"], "token_logprobs": [-0.5]},
            }
        ],
    }
    (last,) = map(json.loads, answer.last_chunks(FINISHED))
    assert last["choices"] == [{"index": 0, "text": "", "finish_reason": "length", "logprobs": None}]
    assert last["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    assert last["timings"] == {"queue_ms": 1.0, "prefill_ms": 20.0, "decode_ms": 300.0}


def test_a_whole_completion() -> None:
    body = json.loads(CompletionAnswer(1, "m", 1).whole([Piece("a", -1.0), Piece("b", -2.0)], FINISHED))
    assert body["choices"][0]["text"] == "ab"
    assert body["choices"][0]["logprobs"] == {"tokens": ["a", "b"], "token_logprobs": [-1.0, -2.0]}


@pytest.mark.parametrize(
    ("error", "status", "code", "retry_after_s"),
    [
        (errors.RequestInvalid("no", "prompt"), 400, None, None),
        (errors.ModelNotResident("no"), 404, "model_not_found", None),
        (errors.BodyTooLarge("no"), 413, "body_too_large", None),
        (errors.Overloaded("no", 3), 429, "overloaded", 3),
        (errors.NotReady("no", 0.5), 503, "model_loading", 1),
        (errors.NotReady("no"), 503, "not_ready", None),
        (errors.MemoryShort("no", 5), 503, "memory_pressure", 5),
        (errors.EngineFailed("no"), 500, "engine_failed", None),
    ],
)
def test_refusals(error: errors.RequestError, status: int, code: str | None, retry_after_s: int | None) -> None:
    shape = refusal(error)
    assert (shape.status, shape.retry_after_s) == (status, retry_after_s)
    body = json.loads(shape.body)["error"]
    assert body["message"] == "no"
    assert body["code"] == code
    assert body["param"] == ("prompt" if status == 400 else None)
    assert body.get("progress") == (0.5 if code == "model_loading" else None)
