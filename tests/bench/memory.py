"""Whether the worker grows: its resident memory over many short requests, a third of them cancelled half-way.

What is kept for later prompts has a cap. It is filled first, so that what grows afterwards is neither that nor anything
else that is to be kept. The slope is a least-squares line through all requests after that.
"""

import re
import subprocess
from collections.abc import Sequence

from tests.bench import texts
from tests.bench.report import Report
from tests.bench.servers import Ask, Hearthline
from tests.bench.streams import complete, running, until

_REQUESTS_BETWEEN_SAMPLES = 5
# Every third hangs up, by turns early and late.
_KINDS_OF_REQUESTS = 6
# Enough for any cap: the KV of the shortest prompt takes megabytes, since it is allocated for 256 tokens at a time.
_MAX_FILLINGS = 2000


async def measure_memory(report: Report, ours: Hearthline, n_requests: int) -> None:
    """Fill in the slope in MB per 1,000 requests, and the resident memory before, when the cache is full and after."""
    report.figures["resident_mb_before"] = resident_mb(ours.pid)
    n_fillings = await _fill_prompt_cache(ours)
    for number in range(_KINDS_OF_REQUESTS):  # what the first of a kind takes is no growth
        await _request(ours, n_requests + 1 + number)
    samples = [(0.0, resident_mb(ours.pid))]
    for number in range(1, n_requests + 1):
        await _request(ours, number)
        if number % _REQUESTS_BETWEEN_SAMPLES == 0:
            samples.append((float(number), resident_mb(ours.pid)))
    report.figures["prompt_cache_mb"] = await _prompt_cache_mb(ours)
    report.figures["resident_mb_full"] = samples[0][1]
    report.figures["resident_mb_after"] = samples[-1][1]
    report.figures["memory_mb_per_1000_requests"] = 1000 * slope(samples)
    report.notes["memory_mb_per_1000_requests"] = (
        f"{n_requests} requests after {n_fillings} that filled the prompt cache; "
        f"between {min(mb for _, mb in samples):.0f} and {max(mb for _, mb in samples):.0f} MB"
    )


async def _fill_prompt_cache(ours: Hearthline) -> int:
    """Ask for prompts to be computed that share nothing until older ones go; return how many that took.

    Raises RuntimeError when none ever goes.
    """
    most_mb = 0.0
    for number in range(_MAX_FILLINGS):
        await complete(ours, Ask(f"{number} {texts.write_story(number)}", 0, priority="background"))
        mb = await _prompt_cache_mb(ours)
        if mb <= most_mb:
            return number + 1
        most_mb = mb
    raise RuntimeError(f"the prompt cache still grows after {_MAX_FILLINGS} prompts, at {most_mb:.0f} MB")


async def _prompt_cache_mb(ours: Hearthline) -> float:
    found = re.search(r"^hearthline_prompt_cache_bytes (\S+)$", (await ours.client.get("/metrics")).text, re.MULTILINE)
    if found is None:
        raise RuntimeError("the worker does not say how much its prompt cache holds")
    return float(found[1]) / 1e6


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the least-squares line through `points` (x, y); at least two different x."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def resident_mb(pid: int) -> float:
    """Ask the system for the resident memory of process `pid`, in MB of 10**6 bytes."""
    answer = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(answer.stdout) * 1024 / 1e6


async def _request(ours: Hearthline, number: int) -> None:
    """Ask for something new; every third time, hang up: before the first token or after it, by turns."""
    ask = Ask(f"# {number}\n{texts.write_line_to_complete(number)}", 3, key="typed")
    if number % 3:
        await complete(ours, ask)
        return
    long = Ask(texts.write_endless_list(number), 600, key="typed")
    async with running(ours, long) as answer:
        if number % 2:
            await until(lambda: bool(answer.piece_s), "a first token")
