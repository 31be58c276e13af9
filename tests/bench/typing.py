"""A real editing session, typed again key by key at a person's rhythm: how soon ghost text is there, and what it costs.

The editor asks at every key, and withdraws what it asked before, as VS Code does. The person takes a suggestion now and
then when all of it is what they were about to write. With an engine that has the file's next version and a fixed
latency, and with the real model; then the server's own share of the time, in large files.

Engine-free is what was on hand when the key was pressed: a suggestion that the person is typing or has gone back into,
or one that was made ahead. What came from an answer that was still being made, for an earlier key, asked the engine
nothing more, but is waited for: it is counted by itself (`kept_stream_pct`).
"""

import asyncio
import math
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from lsp_server.feedback.records import Request, Source
from lsp_server.feedback.store import feedback_path, read
from tests.bench.counters import read_counters
from tests.bench.editing import Key, Session, past_sessions
from tests.bench.homes import find_checkpoint, own_home
from tests.bench.json_rpc import Client, Reply, open_server
from tests.bench.open_document import Document
from tests.bench.oracle import COMMAND, Oracle, oracle_env, oracle_home
from tests.bench.overhead import measure_overhead
from tests.bench.report import Goal, Options, Report

GOALS = {
    "scripted_engine_free_pct": Goal(">=", 60),
    "scripted_unanswered": Goal("==", 0),
    "scripted_stale_shown": Goal("==", 0),
    "model_engine_free_pct": Goal(">=", 60),
    "model_unanswered": Goal("==", 0),
    "model_stale_shown": Goal("==", 0),
    "overhead_5k_lines_ms_p99": Goal("<=", 3),
    "overhead_50k_lines_ms_p99": Goal("<=", 5),
}

_LATENCY_S = 0.15
_TOKEN_LATENCY_S = 0.012
_WRONG_SHARE = 0.35
_REACTION_S = 0.35
_TAKES_SHARE = 0.5
_LEAST_TAKEN_CHARS = 6
_END_S = 10.0
_CROSSING_S = 0.05
"""An answer may cross the next key on its way."""
_SERVER = [sys.executable, "-P", "-m", "lsp_server.cli", "lsp"]


@dataclass(slots=True)
class _Asked:
    """One request and what came of it. withdrawn_s: when the next key was pressed."""

    number: int
    answer: asyncio.Future[Reply]
    sent_s: float = field(default_factory=time.perf_counter)
    withdrawn_s: float = math.inf

    def withdraw(self, client: Client) -> None:
        """Press the next key."""
        self.withdrawn_s = time.perf_counter()
        if not self.answer.done():
            client.notify("$/cancelRequest", {"id": self.number})


@dataclass(slots=True)
class Seen:
    """What the person saw.

    waits_s: from a key to the ghost text for it, where it came before the next key. n_answers: of those, the ones that
    are not what was left of the one before.
    """

    n_keys: int = 0
    n_taken: int = 0
    n_answers: int = 0
    n_stale: int = 0
    n_unanswered: int = 0
    waits_s: list[float] = field(default_factory=list)

    def count(self, asked: Sequence[_Asked]) -> None:
        """Take in one session."""
        before = ""
        for each in asked:
            if not each.answer.done():
                self.n_unanswered += 1
            elif text := reply_text(reply := each.answer.result()):
                if reply.at_s > each.withdrawn_s + _CROSSING_S:
                    self.n_stale += 1
                elif reply.at_s <= each.withdrawn_s:
                    self.waits_s.append(reply.at_s - each.sent_s)
                    self.n_answers += not (before and before.endswith(text))
                    before = text


def run(options: Options) -> Report:
    """Measure; a model that is not here is pulled first."""
    report = Report("typing", GOALS)
    name = options.model or (TEST_MODEL if options.quick else DEFAULT_MODEL)
    sessions = past_sessions(60 if options.quick else 800)
    if sessions:
        asyncio.run(_with_oracle(report, sessions))
        asyncio.run(_with_model(report, sessions, name))
    else:
        report.notes["sessions"] = "there is no history of this project to make sessions of (a clone without git?)"
    asyncio.run(measure_overhead(report, 100 if options.quick else 1200))
    return report


async def _with_oracle(report: Report, sessions: Sequence[Session]) -> None:
    seen, n_calls = Seen(), 0
    with oracle_home() as (home, workspace):
        for session in sessions:
            env = oracle_env(home, Oracle(session.after, _LATENCY_S, _TOKEN_LATENCY_S, _WRONG_SHARE))
            async with open_server(COMMAND, workspace, {}, env) as client:
                await _type(client, session, workspace, seen)
                n_calls += (await client.call("probe/calls", {}))["n"]
        requests = read(home / "data" / feedback_path().name, Request, 0)
    _report(report, "scripted_", seen, requests, n_calls)


async def _with_model(report: Report, sessions: Sequence[Session], name: str) -> None:
    seen = Seen()
    with own_home(find_checkpoint(name)) as workspace:
        async with open_server(_SERVER, workspace, {"completion": {"model": name}}) as client:
            await _until_answered(client, workspace)
            before = read_counters()
            for session in sessions:
                await _type(client, session, workspace, seen)
            cost = {key: value - before[key] for key, value in read_counters().items()}
        requests = read(feedback_path(), Request, 0)
    _report(report, "model_", seen, requests, cost["n_requests"])
    per_100_keys = 100 / seen.n_keys
    report.figures["model_decoded_tokens_per_100_keys"] = cost["n_decoded"] * per_100_keys
    report.figures["model_engine_busy_s_per_100_keys"] = (cost["prefill_s"] + cost["decode_s"]) * per_100_keys


async def _until_answered(client: Client, workspace: Path) -> None:
    """Wait until the model is read: who asks explicitly is answered then."""
    document = Document(client, workspace / "warm_up.py", "x = 1\n")
    await client.call("textDocument/inlineCompletion", document.asking(0, trigger=1))
    document.close()


async def _type(client: Client, session: Session, folder: Path, seen: Seen) -> None:
    """Play `session`, taking suggestions on the way."""
    rng = random.Random(2)
    document = Document(client, folder / session.path.replace("/", "_"), session.before)
    asked: list[_Asked] = []
    keys = list(session.keys)
    while keys:
        shown = await _pause(keys[0].pause_s, asked[-1] if asked else None)
        key = keys.pop(0)
        if asked:
            asked[-1].withdraw(client)
        n_taken = _n_keys_of(shown, key, keys) if rng.random() < _TAKES_SHARE else 0
        if n_taken:
            seen.n_taken += 1
            key = Key(key.start, key.start, shown, 0.0)
            del keys[: n_taken - 1]
        document.edit(key.start, key.end, key.text)
        seen.n_keys += 1
        asked.append(
            _Asked(*client.request("textDocument/inlineCompletion", document.asking(key.start + len(key.text))))
        )
    asked[-1].withdraw(client)
    await asyncio.wait([each.answer for each in asked], timeout=_END_S)
    document.close()
    seen.count(asked)


async def _pause(pause_s: float, asked: "_Asked | None") -> str:
    """Wait for the next key; return the suggestion that stood there for long enough to be read."""
    ends_s = time.perf_counter() + pause_s
    await asyncio.sleep(pause_s)
    if asked is None or not asked.answer.done():
        return ""
    reply = asked.answer.result()
    return reply_text(reply) if ends_s - reply.at_s >= _REACTION_S else ""


def _n_keys_of(shown: str, key: Key, keys: Sequence[Key]) -> int:
    """Count the keys, `key` and the first of `keys`, that write just what is `shown`; 0 where they do not."""
    if key.end != key.start or len(shown) < _LEAST_TAKEN_CHARS:
        return 0
    written, n = key.text, 1
    for other in keys:
        if len(written) >= len(shown) or other.end != other.start or other.start != key.start + len(written):
            break
        written += other.text
        n += 1
    return n if written == shown else 0


def reply_text(reply: Reply) -> str:
    """Return the first suggestion of an answer; empty where there is none."""
    items = reply.result["items"] if reply.result else []
    return str(items[0]["insertText"]) if items else ""


def _report(report: Report, prefix: str, seen: Seen, requests: Sequence[Request], n_calls: float) -> None:
    answered = [request for request in requests if request.n_chars]
    of_source = Counter(request.source for request in answered)
    pct = 100 / max(1, len(answered))
    waits_ms = sorted(1e3 * wait_s for wait_s in seen.waits_s)
    figures = {
        "keys": seen.n_keys,
        "suggestions": len(waits_ms),
        "answers_shown": seen.n_answers,
        "suggestions_taken": seen.n_taken,
        "engine_free_pct": of_source[Source.CACHE] * pct,
        "kept_stream_pct": of_source[Source.STREAM] * pct,
        "engine_calls_per_100_keys": 100 * n_calls / seen.n_keys,
        "unanswered": seen.n_unanswered,
        "stale_shown": seen.n_stale,
    }
    if waits_ms:
        figures["ghost_text_ms_p50"] = statistics.median(waits_ms)
        figures["ghost_text_ms_p95"] = waits_ms[min(len(waits_ms) - 1, int(0.95 * len(waits_ms)))]
    report.figures.update({prefix + key: value for key, value in figures.items()})
