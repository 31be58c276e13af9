"""The servers under measurement, each in its own process and asked over HTTP in its own dialect.

Invariant: whoever starts one here ends it, by its own process id, however the measurement ends.
"""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import httpx

from inference import paths

_START_DEADLINE_S = 120.0
_END_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One completion that is asked for. suffix: None continues the prompt. Only Hearthline knows priority and key."""

    prompt: str
    max_tokens: int
    suffix: str | None = None
    priority: str = "interactive"
    key: str | None = None
    temperature: float = 0.0


@dataclass(slots=True)
class Counts:
    """What a server says of an answer: tokens, and how long its first step was waited for. 0 where it is silent."""

    n_prompt: int = 0
    n_cached: int = 0
    n_decoded: int = 0
    queue_s: float = 0.0
    prefill_s: float = 0.0


class Server(ABC):
    """A running server. Dialects differ in the request's body and in where the text and the counts are."""

    path: ClassVar[str] = "/v1/completions"
    health_path: ClassVar[str] = "/health"

    def __init__(self, client: httpx.AsyncClient, pid: int) -> None:
        self.client = client
        self.pid = pid

    @abstractmethod
    def body(self, ask: Ask) -> dict[str, Any]:
        """Write `ask` in this server's words."""

    def text(self, event: dict[str, Any]) -> str:
        """Give the text of one event of a stream."""
        choices = event.get("choices") or [{}]
        return str(choices[0].get("text") or "")

    def count(self, event: dict[str, Any], counts: Counts) -> None:
        """Note what `event` says of tokens and times."""
        usage = event.get("usage") or {}
        if usage:
            counts.n_prompt, counts.n_decoded = usage["prompt_tokens"], usage["completion_tokens"]
            counts.n_cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)

    async def health(self) -> dict[str, Any]:
        """Ask how it is; empty where nothing, or no JSON, answers with 200."""
        try:
            response = await self.client.get(self.health_path)
            return dict(response.json()) if response.status_code == 200 else {}
        except (httpx.TransportError, ValueError):
            return {}

    async def is_ready(self) -> bool:
        """Tell whether it answers at full speed."""
        return (await self.health()).get("status") in ("ready", "ok")


class Hearthline(Server):
    """The worker, over its Unix socket."""

    def body(self, ask: Ask) -> dict[str, Any]:
        """Write `ask` as ARCHITECTURE.md has it."""
        body: dict[str, Any] = {
            "prompt": ask.prompt,
            "max_tokens": ask.max_tokens,
            "stream": True,
            "temperature": ask.temperature,
            "priority": ask.priority,
        }
        return body | {name: value for name in ("suffix", "key") if (value := getattr(ask, name)) is not None}

    def count(self, event: dict[str, Any], counts: Counts) -> None:
        """Note the worker's own times as well."""
        super().count(event, counts)
        timings = event.get("timings") or {}
        counts.queue_s = timings.get("queue_ms", 1e3 * counts.queue_s) / 1e3
        counts.prefill_s = timings.get("prefill_ms", 1e3 * counts.prefill_s) / 1e3


class MlxLm(Server):
    """`mlx_lm.server`. It knows no suffix: fill-in-the-middle is asked for with the control tokens in the prompt."""

    def body(self, ask: Ask) -> dict[str, Any]:
        """Write `ask`, usage included."""
        return {
            "prompt": ask.prompt,
            "max_tokens": ask.max_tokens,
            "temperature": ask.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


class LlamaCpp(Server):
    """llama.cpp's `llama-server`, by its native endpoint, which counts tokens and can pass over the end token."""

    path = "/completion"

    def body(self, ask: Ask) -> dict[str, Any]:
        """Write `ask`; nothing of an earlier prompt is used again."""
        return {
            "prompt": ask.prompt,
            "n_predict": ask.max_tokens,
            "temperature": ask.temperature,
            "stream": True,
            "cache_prompt": False,
            "ignore_eos": True,
        }

    def text(self, event: dict[str, Any]) -> str:
        """Give the text of one event of a stream."""
        return str(event.get("content") or "")

    def count(self, event: dict[str, Any], counts: Counts) -> None:
        """Note the tokens of the last event."""
        if timings := event.get("timings"):
            counts.n_prompt, counts.n_decoded = timings["prompt_n"], timings["predicted_n"]


@asynccontextmanager
async def hearthline(model: str) -> AsyncIterator[Hearthline]:
    """Run the worker of the current HEARTHLINE_HOME with `model`."""
    command = [sys.executable, "-P", "-m", "inference", "serve", "--model", model]
    transport = httpx.AsyncHTTPTransport(uds=str(paths.socket_path()))
    async with (
        _running(command) as (process, log),
        httpx.AsyncClient(transport=transport, base_url="http://worker", timeout=None) as client,
    ):
        server = Hearthline(client, process.pid)
        await _until_ready(server, process, log)
        yield server


@asynccontextmanager
async def mlx_lm(checkpoint: Path) -> AsyncIterator[MlxLm]:
    """Run `mlx_lm.server` on `checkpoint`, with the fast BLAS under it and otherwise as it comes."""
    port = _free_port()
    arguments = ["--model", str(checkpoint), "--host", "127.0.0.1", "--port", str(port), "--log-level", "WARNING"]
    async with (
        _running([sys.executable, "-m", "tests.bench.mlx_server", *arguments]) as (process, log),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=None) as client,
    ):
        server = MlxLm(client, process.pid)
        await _until_ready(server, process, log)
        yield server


@asynccontextmanager
async def llama_cpp(binary: Path, gguf: Path) -> AsyncIterator[LlamaCpp]:
    """Run llama.cpp's server on `gguf`, with as many threads as there are cores."""
    port = _free_port()
    arguments = ["--model", str(gguf), "--host", "127.0.0.1", "--port", str(port), "--parallel", "1"]
    arguments += ["--ctx-size", "4096", "--threads", str(os.cpu_count() or 1)]
    async with (
        _running([str(binary), *arguments]) as (process, log),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=None) as client,
    ):
        server = LlamaCpp(client, process.pid)
        await _until_ready(server, process, log)
        yield server


@asynccontextmanager
async def _running(command: Sequence[str]) -> AsyncIterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Run `command`, its output in a file; at the end it is told to leave, then killed."""
    with tempfile.TemporaryFile() as log:
        # Blocking for the milliseconds of a fork; what waits for the server to start is asynchronous.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: ASYNC220  # see above
        try:
            yield process, log
        finally:
            process.terminate()
            try:
                await asyncio.to_thread(process.wait, _END_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def _until_ready(server: Server, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    """Return once `server` answers. Raises RuntimeError, with the end of its output, when it does not."""
    deadline = asyncio.get_running_loop().time() + _START_DEADLINE_S
    while not await server.is_ready():
        if process.poll() is not None or asyncio.get_running_loop().time() > deadline:
            log.seek(0)
            words = log.read()[-2000:].decode("utf-8", "replace")
            raise RuntimeError(f"{type(server).__name__} does not answer (exit code {process.poll()}): {words}")
        await asyncio.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
