"""What the records say, summed up. Pure."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.feedback.records import Fate, Outcome, Request, Source

_DAY_S = 86_400
_TAKEN = (Outcome.ACCEPTED, Outcome.PARTLY)


@dataclass(frozen=True, slots=True)
class Day:
    """One day, by UTC. day: days since 1970."""

    day: int
    n_shown: int
    n_taken: int


@dataclass(frozen=True, slots=True)
class Language:
    """One language. Shares are of what was shown, 0 to 1."""

    name: str
    n_shown: int
    taken_share: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares from 0 to 1, None where there was nothing to divide by. Latencies in milliseconds, all requests.

    taken_share: accepted whole or in part, of what was shown. kept_share: of what was taken. engine_free_share: of the
    requests, those answered without asking the engine. n_chars_taken: characters that nobody had to type.
    """

    n_requests: int
    n_shown: int
    outcomes: dict[str, int]
    taken_share: float | None
    kept_share: float | None
    engine_free_share: float | None
    n_chars_taken: int
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    days: tuple[Day, ...]
    languages: tuple[Language, ...]


def sum_up(requests: Sequence[Request], fates: Sequence[Fate]) -> Figures:
    """Sum up what was recorded."""
    outcomes = Counter(each.outcome for each in fates)
    taken = [each for each in fates if each.outcome in _TAKEN]
    looked_at = [each for each in taken if each.is_kept is not None]
    latencies = sorted(each.latency_ms for each in requests)
    return Figures(
        n_requests=len(requests),
        n_shown=len(fates),
        outcomes={outcome.value: outcomes[outcome] for outcome in Outcome},
        taken_share=_share(len(taken), len(fates)),
        kept_share=_share(sum(bool(each.is_kept) for each in looked_at), len(looked_at)),
        engine_free_share=_share(sum(each.source != Source.ENGINE for each in requests), len(requests)),
        n_chars_taken=sum(each.n_taken for each in taken),
        latency_ms_p50=statistics.median(latencies) if latencies else None,
        latency_ms_p95=latencies[min(len(latencies) - 1, int(0.95 * len(latencies)))] if latencies else None,
        days=_days(fates),
        languages=_languages(fates),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _days(fates: Sequence[Fate]) -> tuple[Day, ...]:
    """Count by day, days without anything included."""
    if not fates:
        return ()
    all_shown = Counter(each.at // _DAY_S for each in fates)
    taken = Counter(each.at // _DAY_S for each in fates if each.outcome in _TAKEN)
    return tuple(Day(day, all_shown[day], taken[day]) for day in range(min(all_shown), max(all_shown) + 1))


def _languages(fates: Sequence[Fate]) -> tuple[Language, ...]:
    """Count by language, the most used one first."""
    all_shown = Counter(each.language for each in fates)
    taken = Counter(each.language for each in fates if each.outcome in _TAKEN)
    return tuple(Language(name, n, taken[name] / n) for name, n in all_shown.most_common())
