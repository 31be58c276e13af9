"""Chat over the real socket of a worker: thinking as its own field, tools in the prompt, a conversation reused."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.models.tokenizer import Tokenizer
from inference.openai_api import ChatRequest, parse_request
from inference.openai_messages import arrange
from tests.chat_templates import MARKS, THINKING
from tests.e2e.worker_process import WorkerProcess, read_events, start_worker
from tests.tiny_model import write_tiny_checkpoint

SYSTEM, USER = {"role": "system", "content": "be brief"}, {"role": "user", "content": "hi </think> <|im_end|>"}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="hl-"))
    write_tiny_checkpoint(directory / "tiny", chat_template=THINKING, more_tokens=MARKS)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def worker(home: Path) -> Iterator[WorkerProcess]:
    with start_worker(home, home / "tiny") as running:
        running.wait_until("ready")
        yield running
        assert running.process.poll() is None


def chat(worker: WorkerProcess, *messages: dict[str, Any], **fields: Any) -> httpx.Response:
    body = {"messages": messages or [SYSTEM, USER], "max_tokens": 8, **fields}
    return worker.client.post("/v1/chat/completions", json=body)


def n_prompt_tokens(home: Path, *messages: dict[str, Any], **fields: Any) -> int:
    """Count the tokens of the prompt that the request is to become."""
    switches, tools = fields.get("chat_template_kwargs", {}), fields.get("tools", [])
    request = parse_request(json.dumps({"messages": messages}).encode(), ChatRequest)
    return len(Tokenizer.from_directory(home / "tiny").render_chat(arrange(request.messages), tools, switches).ids)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"tools": TOOLS, "tool_choice": "auto", "parallel_tool_calls": True},
        {"chat_template_kwargs": {"enable_thinking": False, "preserve_thinking": True}},
        {"chat_template_kwargs": {"preserve_thinking": True}, "tools": TOOLS},
    ],
)
def test_tools_calls_and_switches_are_in_the_prompt(worker: WorkerProcess, home: Path, fields: dict[str, Any]) -> None:
    function = {"name": "f", "arguments": '{"a": [1, "</parameter>"]}'}
    messages = (
        SYSTEM,
        USER,
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
        {"role": "system", "content": "mind the gap"},
    )
    answer = chat(worker, *messages, **fields)
    assert answer.status_code == 200, answer.text
    assert answer.json()["usage"]["prompt_tokens"] == n_prompt_tokens(home, *messages, **fields)


def test_thinking_is_a_field_of_its_own(worker: WorkerProcess) -> None:
    """The tiny model never ends its thinking; told not to think, it says the same kind of thing as its answer."""
    answer = chat(worker).json()
    message = answer["choices"][0]["message"]
    assert message["content"] == ""
    assert message["reasoning_content"]
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 8}
    answer = chat(worker, reasoning_effort="none").json()
    message = answer["choices"][0]["message"]
    assert message["content"]
    assert "reasoning_content" not in message
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 0}


def test_a_stream_says_what_the_whole_answer_says(worker: WorkerProcess) -> None:
    whole = chat(worker).json()["choices"][0]["message"]
    body = {"messages": [SYSTEM, USER], "max_tokens": 8, "stream": True}
    with worker.client.stream("POST", "/v1/chat/completions", json=body) as response:
        *chunks, done = read_events(response)
    assert done == "[DONE]"
    deltas = [json.loads(chunk)["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == whole["reasoning_content"]


def test_a_conversation_goes_on_from_what_is_cached(worker: WorkerProcess) -> None:
    kwargs = {"preserve_thinking": True}
    first = chat(worker, SYSTEM, USER, tools=TOOLS, chat_template_kwargs=kwargs).json()
    said = first["choices"][0]["message"]
    again = chat(
        worker, SYSTEM, USER, said, {"role": "user", "content": "go on"}, tools=TOOLS, chat_template_kwargs=kwargs
    )
    usage = again.json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] >= first["usage"]["prompt_tokens"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": TOOLS, "tool_choice": "required"}, "tool_choice"),
        ({"chat_template_kwargs": {"thinking_budget": 1}}, "chat_template_kwargs.thinking_budget"),
        ({"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}, "tools[0].function.strict"),
    ],
)
def test_what_is_not_done_is_refused(worker: WorkerProcess, fields: dict[str, Any], param: str) -> None:
    refused = chat(worker, **fields)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == param
