"""Whether the worker grows: its resident memory over many short requests, a third of them cancelled half-way.

The slope is a least-squares line through the second half, when every cache has had time to fill.
"""

import subprocess
from collections.abc import Sequence

from tests.bench import texts
from tests.bench.report import Report
from tests.bench.servers import Ask, Hearthline
from tests.bench.streams import complete, running, until

_REQUESTS_BETWEEN_SAMPLES = 5


async def measure_memory(report: Report, ours: Hearthline, n_requests: int) -> None:
    """Fill in the slope in MB per 1,000 requests, and the resident memory before and after."""
    samples = [(0.0, resident_mb(ours.pid))]
    for number in range(1, n_requests + 1):
        await _request(ours, number)
        if number % _REQUESTS_BETWEEN_SAMPLES == 0:
            samples.append((float(number), resident_mb(ours.pid)))
    second_half = [sample for sample in samples if sample[0] >= n_requests / 2]
    report.figures["resident_mb_before"] = samples[0][1]
    report.figures["resident_mb_after"] = samples[-1][1]
    report.figures["memory_mb_per_1000_requests"] = 1000 * slope(second_half)
    report.notes["memory_mb_per_1000_requests"] = (
        f"{n_requests} requests; the second half lies between {min(mb for _, mb in second_half):.0f} "
        f"and {max(mb for _, mb in second_half):.0f} MB. Fewer than 1,000 requests may end while the prompt cache, "
        "which has a cap, still fills: then this is its growth"
    )


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
