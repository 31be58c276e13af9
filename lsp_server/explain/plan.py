"""What an explanation is made of, from top to bottom: facts of the code, and questions to a model between them. Pure.

Invariant: a fact is told whatever a model says, and nothing that a model says is told as a fact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lsp_server.context.anatomy import Anatomy, Mark, Step
from lsp_server.context.subject import Subject
from lsp_server.explain import prompt
from lsp_server.explain.check import escaped
from lsp_server.explain.phrases import code_span, label_of, line_link, marks_in_words
from lsp_server.explain.prompt import Neighbour, Question
from lsp_server.review.finding import Finding

NOTHING_HELD = "*Nothing that the model said about this held against the code.*"
NO_ANSWER = "*The model gave no answer that can be shown.*"
TOO_SMALL = (
    "*The security review found nothing here. Other risks were not asked for: the model is too small to be trusted "
    "with them.*"
)
NOTHING_OUTSIDE = "*None that its own lines show; what it calls may have some.*"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an explanation: `text`, then what the model says to `question`, or `otherwise` if nothing of it holds.

    is_step: one sentence behind `text`, in its line.
    """

    text: str = ""
    question: Question | None = None
    otherwise: str = ""
    is_step: bool = False


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of a subject besides its text. is_trusted: the model is asked what only a good one can tell."""

    uri: str
    path: str
    callers: Sequence[Neighbour]
    tests: Sequence[Neighbour]
    findings: Sequence[Finding]
    is_trusted: bool


def of_subject(subject: Subject, anatomy: Anatomy, around: Around) -> list[Part]:
    """Return the plan for a function or class."""
    where = line_link(around.uri, subject.first_line, f"{around.path}:{subject.first_line + 1}")
    parts = [Part(f"# {code_span(subject.qualified_name)}\n\n{where}\n\n", prompt.purpose(subject), NOTHING_HELD)]
    if subject.kind != "class":
        head = f"\n## Inputs and outputs\n\n{code_span(subject.signature)}\n\n"
        parts.append(Part(head, prompt.inputs_and_outputs(subject), NOTHING_HELD))
    parts += _steps(subject, anatomy, around.uri, is_trusted=around.is_trusted)
    parts += _effects(subject, anatomy.marks, around)
    parts += _risks(subject, around)
    callers = [f"- {line_link(each.uri, each.line, each.label)}: {label_of(each.text)}\n" for each in around.callers]
    tests = [f"- {line_link(each.uri, each.line, each.label)}\n" for each in around.tests]
    for title, bullets in ((f"Calls of {code_span(subject.name)}", callers), ("Tests", tests)):
        if bullets:
            parts.append(Part(f"\n## {title}\n\n{''.join(bullets)}"))
    return parts


def of_selection(
    code: str, language_id: str, lines: tuple[int, int], marks: Iterable[Mark], around: Around
) -> list[Part]:
    """Return the plan for some lines. lines: the first and the last, 0-based; marks: those of the subject around."""
    first, last = lines
    words = f"{around.path}:{first + 1}" + (f"-{last + 1}" if last > first else "")
    parts = [
        Part(
            f"# Selection\n\n{line_link(around.uri, first, words)}\n\n",
            prompt.selection(code, language_id),
            NOTHING_HELD,
        )
    ]
    told = marks_in_words((mark for mark in marks if first <= mark.line <= last), around.uri)
    if told:
        parts.append(Part("\n## Side effects and errors\n\n" + "\n".join(told) + "\n"))
    return parts


def of_finding(finding: Finding, line: str, language_id: str, page: str, around: Around) -> list[Part]:
    """Return the plan for a finding of the review. line: where it is reported; page: about its CWE."""
    where = line_link(around.uri, finding.place.line, f"{around.path}:{finding.place.line + 1}")
    parts = [
        Part(f"# {code_span(finding.rule)}\n\n{where} · [CWE-{finding.cwe}]({page})\n\n{finding.message}\n"),
        Part(
            "\n## Why it matters here\n\n",
            prompt.weakness(finding.message, finding.cwe, line.strip(), language_id),
            NOTHING_HELD,
        ),
    ]
    if finding.trace:
        steps = [
            f"1. {line_link(around.uri, step.place.line) if step.path is None else code_span(step.path)}: {step.words}"
            for step in finding.trace
        ]
        parts.append(Part("\n## The way to it\n\n" + "\n".join(steps) + "\n"))
    parts.append(
        Part(
            "\n## What would mend it\n\n",
            prompt.way_out(finding.message, finding.cwe, line.strip(), language_id),
            NOTHING_HELD,
        )
    )
    return parts


def _steps(subject: Subject, anatomy: Anatomy, uri: str, *, is_trusted: bool) -> list[Part]:
    parts: list[Part] = []
    # A small model, asked of one plain line, tells of the whole function or says the line again; the line is there.
    asks_all = is_trusted or not any(_is_long(step) for step in anatomy.steps)
    for number, step in enumerate(anatomy.steps, 1):
        place = line_link(uri, step.first_line)
        head = "\n## Steps\n\n" if number == 1 else ""
        text = f"{head}{number}. {place} {label_of(step.text)}"
        question = prompt.step(subject, step) if asks_all or _is_long(step) else None
        parts.append(Part(text if question else f"{text}\n", question, is_step=True))
    return parts


def _is_long(step: Step) -> bool:
    return step.last_line > step.first_line


def _effects(subject: Subject, marks: Iterable[Mark], around: Around) -> list[Part]:
    told = marks_in_words(marks, around.uri)
    question = prompt.effects(subject) if around.is_trusted else None
    text = "\n## Side effects and errors\n\n" + "".join(f"{line}\n" for line in told)
    if question is None and not told:
        text += f"{NOTHING_OUTSIDE}\n"
    return [Part(text, question, "" if told else NOTHING_OUTSIDE)]


def _risks(subject: Subject, around: Around) -> list[Part]:
    told = "".join(
        f"- {line_link(around.uri, finding.place.line)}: {finding.message} (CWE-{finding.cwe})\n"
        for finding in around.findings
    )
    question = prompt.risks(subject) if around.is_trusted else None
    otherwise = "" if told else NOTHING_HELD
    if question is None and not told:
        told = f"{TOO_SMALL}\n"
    return [Part(f"\n## Risks\n\n{told}", question, otherwise)]


def of_question(question: str, selected: str, language_id: str) -> list[Part]:
    """Return the plan for what the person wants to know."""
    words = "\n".join(f"> {escaped(line)}" for line in question.split("\n"))
    return [Part(f"{words}\n\n", prompt.asked(question, selected, language_id), NO_ANSWER)]
