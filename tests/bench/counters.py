"""The worker's own counters, by which a bench knows what an answer cost."""

import re

import httpx

from inference import paths

_COUNTERS = {
    "n_requests": "hearthline_requests_total",
    "n_prompt": "hearthline_prompt_tokens_total",
    "n_cached": "hearthline_cached_tokens_total",
    "n_decoded": "hearthline_decoded_tokens_total",
    "decode_s": "hearthline_decode_seconds_total",
    "prefill_s": "hearthline_prefill_seconds_total",
    "queue_s": "hearthline_queue_seconds_total",
}


def read_counters() -> dict[str, float]:
    """Read the worker's counters, summed over their labels."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(paths.socket_path()))) as client:
        text = client.get("http://worker/metrics").text
    return {
        key: sum(map(float, re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)))
        for key, name in _COUNTERS.items()
    }
