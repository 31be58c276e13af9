"""The security review: how much it finds of what others marked, how often it is wrong, how quick and how steady it is.

Bandit and ruff's `S` rules look at the same Python files in the same run. Only what is shown by default counts
(medium and high confidence). The marked sets are others' work (`--data`).
"""

import multiprocessing
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from lsp_server.languages import language_of
from lsp_server.review.carry import carry_forward
from lsp_server.review.finding import Confidence, Finding
from lsp_server.review.reviewer import Reviewer
from lsp_server.review.rulebook import load
from tests.bench import review_peers, review_sets
from tests.bench.memory import resident_mb
from tests.bench.report import Goal, Options, Report
from tests.bench.review_edits import GOALS as EDIT_GOALS
from tests.bench.review_edits import measure_edits
from tests.bench.review_scores import Alert, Scores, Tally, pair_is_told, same_family, tally
from tests.bench.review_verdicts import measure_verdicts

GOALS = {
    "python_precision": Goal(">=", 0.85),
    "python_recall": Goal(">=", 0.45),
    "javascript_precision": Goal(">=", 0.85),
    "javascript_recall": Goal(">=", 0.45),
    "alerts_per_kloc": Goal("<=", 0.10),
    "review_500_lines_ms_p95": Goal("<=", 25),
    "half_typed_survival_pct": Goal(">=", 95),
    "review_slowest_ms": Goal("<=", 200),
    **EDIT_GOALS,
}
_SIZED_LINES = range(450, 551)


def run(options: Options) -> Report:
    """Measure; a set that is not there leaves its figures out."""
    report = Report("review", GOALS)
    marked = review_sets.read_marked(options.data)[:: 6 if options.quick else 1]
    pairs = review_sets.read_pairs(options.data)[:: 6 if options.quick else 1]
    packages = review_sets.read_packages()
    if options.quick:
        packages = dict(list(packages.items())[::6])
    same = same_family(frozenset({each.cwe, *each.also}) for each in load().families.values())
    if marked:
        _measure_marked(report, marked, same)
        _measure_survival(report, marked)
        if options.model is not None:
            measure_verdicts(report, marked, same, options.model, options.n)
    else:
        report.notes["python_precision"] = f"no {review_sets.MARKED} in {options.data}: from {review_sets.PUBLIC_PLACE}"
    if pairs:
        _measure_pairs(report, pairs, same)
    _measure_noise(report, packages, same)
    _measure_speed(report, packages)
    measure_edits(report, packages)
    report.figures["resident_mb_growth"] = _in_own_process(_resident_growth_mb, packages)
    return report


def _measure_marked(report: Report, marked: Sequence[review_sets.Marked], same: Mapping[int, frozenset[int]]) -> None:
    texts = {each.path: each.code for each in marked if each.language == "python"}
    tools = {"": _ours({each.path: each.code for each in marked}, same), "ruff_": review_peers.ruff(texts, same)}
    if (bandit := review_peers.bandit(texts, same)) is not None:
        tools["bandit_"] = bandit
    for tool, alerts in tools.items():
        scores = Scores()
        for each in marked:
            scores.add(each.language, each.cwe, tally(alerts.get(each.path, ()), each.cwe, each.lines))
        for language in ("python",) if tool else ("python", "javascript"):
            _report_tally(report, f"{tool}{language}", scores.of(language))
        if not tool:
            report.notes["by language and CWE: found, missed, false"] = _table(scores)


def _report_tally(report: Report, key: str, total: Tally) -> None:
    if total.precision is not None:
        report.figures[f"{key}_precision"] = total.precision
    if total.recall is not None:
        report.figures[f"{key}_recall"] = total.recall


def _table(scores: Scores) -> str:
    rows = sorted(scores.by_cwe.items())
    return "; ".join(f"{language} {cwe}: {t.n_found}, {t.n_missed}, {t.n_false}" for (language, cwe), t in rows)


def _measure_pairs(report: Report, pairs: Sequence[review_sets.Pair], same: Mapping[int, frozenset[int]]) -> None:
    before = _ours({str(number): pair.before for number, pair in enumerate(pairs)}, same, "cpp")
    after = _ours({str(number): pair.after for number, pair in enumerate(pairs)}, same, "cpp")
    told = [pair_is_told(before[str(n)], after[str(n)], pair.cwe) for n, pair in enumerate(pairs)]
    flagged = [any(pair.cwe in alert.cwes for alert in before[str(n)]) for n, pair in enumerate(pairs)]
    report.figures["c_pair_accuracy"] = sum(told) / len(pairs)
    report.figures["c_flagged_before"] = sum(flagged) / len(pairs)


def _measure_noise(report: Report, packages: Mapping[str, str], same: Mapping[int, frozenset[int]]) -> None:
    kloc = sum(text.count("\n") for text in packages.values()) / 1000
    if not kloc:
        report.notes["alerts_per_kloc"] = "none of the packages is installed"
        return
    found = _ours(packages, same)
    report.figures["noise_kloc"] = kloc
    report.figures["alerts_per_kloc"] = _n_alerts(found) / kloc
    report.figures["ruff_alerts_per_kloc"] = _n_alerts(review_peers.ruff(packages, same)) / kloc
    if (bandit := review_peers.bandit(packages, same)) is not None:
        report.figures["bandit_alerts_per_kloc"] = _n_alerts(bandit) / kloc
    if missing := review_sets.missing_packages():
        report.notes["noise_kloc"] = f"not installed and so left out: {', '.join(missing)} (`.[bench]` brings them)"


def _measure_survival(report: Report, marked: Iterable[review_sets.Marked]) -> None:
    reviewer, n_before, n_kept = Reviewer(load()), 0, 0
    for each in marked:
        language = language_of(each.path)
        whole = reviewer.review(each.code, language, each.path)
        shown = {finding.fingerprint for finding in whole.findings if finding.confidence >= Confidence.MEDIUM}
        if not shown:
            continue
        weak = frozenset(step.place.line for finding in whole.findings for step in finding.trace)
        weak |= frozenset(finding.place.line for finding in whole.findings)
        for text in review_sets.half_typed(each.code, weak):
            now = carry_forward(whole, each.code, reviewer.review(text, language, each.path), text)
            n_before += len(shown)
            n_kept += len(shown & {finding.fingerprint for finding in now.findings})
    if n_before:
        report.figures["half_typed_survival_pct"] = 100 * n_kept / n_before
        report.notes["half_typed_survival_pct"] = f"{n_before} findings in half-typed files"


def _measure_speed(report: Report, packages: Mapping[str, str]) -> None:
    sized = {path: text for path, text in packages.items() if text.count("\n") + 1 in _SIZED_LINES}
    took_ms = [_review_ms(path, text) for path, text in sized.items() for _ in range(3)]
    if len(took_ms) >= 20:
        report.figures["review_500_lines_ms_p50"] = statistics.median(took_ms)
        report.figures["review_500_lines_ms_p95"] = statistics.quantiles(took_ms, n=20)[-1]
        report.notes["review_500_lines_ms_p95"] = f"{len(sized)} files of {_SIZED_LINES.start} to 550 lines, each cold"
    report.figures["review_slowest_ms"] = max(_review_ms(path, text) for path, text in packages.items())


def _review_ms(path: str, text: str) -> float:
    reviewer = Reviewer(load())  # with no cache of an earlier turn
    began = time.perf_counter()
    reviewer.review(text, language_of(path), path)
    return 1000 * (time.perf_counter() - began)


def _ours(texts: Mapping[str, str], same: Mapping[int, frozenset[int]], language: str = "") -> dict[str, list[Alert]]:
    reviewer, found = Reviewer(load()), defaultdict(list)
    for path, text in texts.items():
        for finding in reviewer.review(text, language or language_of(path), path).findings:
            if finding.confidence >= Confidence.MEDIUM:
                found[path].append(_alert(finding, same))
    return found


def _alert(finding: Finding, same: Mapping[int, frozenset[int]]) -> Alert:
    place = finding.place
    return Alert(place.line + 1, place.end_line + 1, same.get(finding.cwe, frozenset({finding.cwe})))


def _n_alerts(found: Mapping[str, list[Alert]]) -> int:
    return sum(len({alert.line for alert in alerts}) for alerts in found.values())


def _resident_growth_mb(packages: Mapping[str, str]) -> float:
    """Return by how much a process grows that reviews all of them and keeps what a reviewer keeps."""
    reviewer = Reviewer(load())
    before = resident_mb(os.getpid())
    for path, text in packages.items():
        reviewer.review(text, language_of(path), path)
    return resident_mb(os.getpid()) - before


def _in_own_process(measure: Callable[[Mapping[str, str]], float], packages: Mapping[str, str]) -> float:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (packages,))
