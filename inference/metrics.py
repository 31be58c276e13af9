"""Counters of the worker as Prometheus text. Counts, times and names only: nothing of what was asked or answered.

Written by the engine's thread and by the event loop, hence the lock.
"""

import threading
from collections.abc import Mapping
from itertools import groupby

from inference.jobs import Failed, Finished, Job

_COUNTERS = {
    "hearthline_requests_total": "Requests that the engine ended, by endpoint and reason.",
    "hearthline_refusals_total": "Requests that were refused, by endpoint and code.",
    "hearthline_prompt_tokens_total": "Tokens of prompts.",
    "hearthline_cached_tokens_total": "Tokens of prompts that came from the prompt cache.",
    "hearthline_prompt_cache_hits_total": "Prompts of which some tokens came from the prompt cache.",
    "hearthline_decoded_tokens_total": "Tokens made.",
    "hearthline_drafted_tokens_total": "Tokens guessed and computed along, whether they held or not.",
    "hearthline_accepted_tokens_total": "Guessed tokens that held.",
    "hearthline_queue_seconds_total": "Time between arrival and first step.",
    "hearthline_prefill_seconds_total": "Time spent on prompts.",
    "hearthline_decode_seconds_total": "Time spent on making tokens.",
}
_GAUGES = {
    "hearthline_active": "Requests that have had a step and have not ended.",
    "hearthline_queued": "Requests that wait for their first step.",
    "hearthline_prompt_cache_bytes": "Memory of KV caches kept for later prompts.",
    "hearthline_memory_bytes": "Memory of the worker when last looked at.",
    "hearthline_paused": "Whether background work waits, by cause.",
    "hearthline_uptime_seconds": "Time since the worker started.",
}

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters that only grow."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, dict[Labels, float]] = {name: {} for name in _COUNTERS}

    def count_end(self, job: Job, end: Finished | Failed) -> None:
        """Count a job that the engine ended."""
        reason = end.reason.value if isinstance(end, Finished) else "failed"
        self._add("hearthline_requests_total", 1, (("endpoint", job.endpoint), ("finish_reason", reason)))
        if isinstance(end, Finished):
            self._add("hearthline_prompt_tokens_total", end.n_prompt)
            self._add("hearthline_cached_tokens_total", end.n_cached)
            self._add("hearthline_prompt_cache_hits_total", end.n_cached > 0)
            self._add("hearthline_decoded_tokens_total", end.n_decoded)
            self._add("hearthline_drafted_tokens_total", end.n_drafted)
            self._add("hearthline_accepted_tokens_total", end.n_accepted)
            self._add("hearthline_queue_seconds_total", end.queue_s)
            self._add("hearthline_prefill_seconds_total", end.prefill_s)
            self._add("hearthline_decode_seconds_total", end.decode_s)

    def count_refusal(self, endpoint: str, code: str) -> None:
        """Count a request that never reached the engine."""
        self._add("hearthline_refusals_total", 1, (("code", code), ("endpoint", endpoint)))

    def render(self, gauges: Mapping[str, float]) -> str:
        """Write everything in Prometheus' text format. gauges: name -> value now; series of one name side by side."""
        with self._lock:
            values = {name: dict(series) for name, series in self._values.items()}
        lines: list[str] = []
        for name, series in values.items():
            lines += [f"# HELP {name} {_COUNTERS[name]}", f"# TYPE {name} counter"]
            lines += [f"{name}{_labels(labels)} {value:.10g}" for labels, value in sorted(series.items())]
        for name, series_of_name in groupby(gauges.items(), lambda gauge: gauge[0].partition("{")[0]):
            lines += [f"# HELP {name} {_GAUGES[name]}", f"# TYPE {name} gauge"]
            lines += [f"{series} {value:.10g}" for series, value in series_of_name]
        return "\n".join(lines) + "\n"

    def _add(self, name: str, value: float, labels: Labels = ()) -> None:
        with self._lock:
            self._values[name][labels] = self._values[name].get(labels, 0.0) + value


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""
