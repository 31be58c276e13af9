"""One problem of a file that is to be mended: what is written again, and what else of the file a model is shown. Pure.

Invariant: what is shown are whole lines of the file, and nothing of any other file.
"""

import re
from dataclasses import dataclass

from lsp_server.fixes.asking import Problem
from lsp_server.fixes.excerpt import excerpt_of
from lsp_server.fixes.region import Region, region_of
from lsp_server.fixes.remedies import remedy_for, usual_remedy
from lsp_server.review.finding import Finding

_NAME = re.compile(r"`(\w+)`")


@dataclass(frozen=True)
class Case:
    r"""What is to be mended. text: of the file, lines ending in `\n`. context: what else of it the model is shown.

    is_finding: of our own review. values: the variables that the problem is about, none where that is not known.
    """

    problem: Problem
    text: str
    language_id: str
    region: Region
    context: str = ""
    remedy: str = ""
    is_finding: bool = False
    values: frozenset[str] = frozenset()


def case_of(
    problem: Problem,
    text: str,
    language_id: str,
    reported: range,
    around: range | None = None,
    finding: Finding | None = None,
) -> Case | None:
    """Return the case of `problem`; None where the lines there are too long to be shown to a model.

    reported: its lines; around: those of the function they stand in, None for none; finding: ours, None for others'.
    """
    lines = text.split("\n")
    region = region_of(lines, reported, around)
    if region is None:
        return None
    trace = finding.trace if finding is not None else ()
    others = [step.place.line for step in trace if step.path is None]
    problem = problem._replace(line=lines[reported.start])
    if finding is not None:
        steps = (f"- {step.words}" for step in trace)
        problem = problem._replace(message="\n".join((f"{finding.message} (CWE-{finding.cwe})", *steps)))
    return Case(
        problem,
        text,
        language_id,
        region,
        excerpt_of(lines, region, around, others),
        remedy_for(finding.rule, language_id, text) if finding is not None else usual_remedy(problem.message),
        finding is not None,
        frozenset(name for s in trace if s.words.startswith("into ") for name in _NAME.findall(s.words)),
    )
