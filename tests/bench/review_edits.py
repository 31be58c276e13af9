"""How long a document's review takes after a line was typed in one of its functions, against a review of all of it.

Stage 0 is what happens for each change: the parse, and what of the file is dirty. The rest is looking at that.
"""

import random
import statistics
import time
from collections.abc import Iterator, Mapping

from lsp_server.review import again
from lsp_server.review.again import Kept
from lsp_server.review.ir import Span
from lsp_server.review.rulebook import LanguageRules, load
from lsp_server.review.units import units_of
from tests.bench.report import Goal, Report

GOALS = {"stage_0_500_lines_ms_p95": Goal("<=", 5), "stage_0_5000_lines_ms_p95": Goal("<=", 5)}

_SIZES = {"500_lines": range(450, 551), "5000_lines": range(4000, 6001)}
_N_FILES = 20
_N_EDITS = 5


def measure_edits(report: Report, packages: Mapping[str, str]) -> None:
    """Type a line in functions of files of 500 and of 5,000 lines, here and there."""
    chosen = random.Random(0)
    for size, n_lines in _SIZES.items():
        texts = [text for text in packages.values() if text.count("\n") + 1 in n_lines]
        took = [each for text in texts[:_N_FILES] for each in _edits(text, chosen)]
        if not took:
            continue
        stage_0, whole = zip(*took, strict=True)
        report.figures[f"stage_0_{size}_ms_p50"] = statistics.median(stage_0)
        report.figures[f"stage_0_{size}_ms_p95"] = statistics.quantiles(stage_0, n=20)[-1]
        report.figures[f"edit_{size}_ms_p50"] = statistics.median(whole)
        report.figures[f"edit_{size}_ms_p95"] = statistics.quantiles(whole, n=20)[-1]
        report.notes[f"edit_{size}_ms_p50"] = f"{len(took)} edits in {len(texts[:_N_FILES])} files"


def _edits(text: str, chosen: random.Random) -> Iterator[tuple[float, float]]:
    """Yield the milliseconds of stage 0 and of the whole review for each edit."""
    rules = load().for_language("python")
    assert rules is not None
    source = text.encode()
    _, kept = again.review(source, "python", rules)
    bodies = [body for unit in units_of(kept.tree.root_node, source) for body in unit.bodies] if kept else []
    if kept is None or not bodies:
        return
    _, kept = again.review(_typed_at(bodies[0], source), "python", rules, kept)  # the first edit takes stock
    assert kept is not None
    for body in chosen.sample(bodies, min(_N_EDITS, len(bodies))):
        edited = _typed_at(body, source)
        kept = again.review(source, "python", rules, kept)[1] or kept
        yield _stage_0_ms(kept, edited), _review_ms(kept, edited, rules)


def _typed_at(body: Span, source: bytes) -> bytes:
    indent = b" " * (body.start - source.rfind(b"\n", 0, body.start) - 1)
    return b"".join((source[: body.start], b"typed = name\n", indent, source[body.start :]))


def _stage_0_ms(kept: Kept, source: bytes) -> float:
    began = time.perf_counter()
    edit, tree = again.parse_again(kept, source)
    if tree is not None:
        again.find_dirty(kept, edit, tree, source)
    return 1000 * (time.perf_counter() - began)


def _review_ms(kept: Kept, source: bytes, rules: LanguageRules) -> float:
    began = time.perf_counter()
    again.review(source, "python", rules, kept)
    return 1000 * (time.perf_counter() - began)
