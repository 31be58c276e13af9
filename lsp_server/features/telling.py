"""Tells a plan: its facts at once, and between them what the model says, each sentence once it is whole and holds."""

from contextlib import aclosing
from dataclasses import dataclass

from lsp_server.explain.check import Repetitions
from lsp_server.explain.phrases import linked
from lsp_server.explain.plan import Part
from lsp_server.explain.units import Kind
from lsp_server.features.answering import Answers, Topic
from lsp_server.features.running import Run
from lsp_server.features.streams import Stream


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told. name: of what it is about; code: which links lead to, it begins at `first_line` of the document."""

    title: str
    name: str
    topic: Topic
    parts: list[Part]
    code: str
    first_line: int


async def tell(run: Run, stream: Stream, answers: Answers, telling: Telling) -> None:
    """Write all parts. Raises EngineError; what was written until then stays."""
    n_questions = sum(part.question is not None for part in telling.parts)
    n_asked = 0
    said = Repetitions()
    for part in telling.parts:
        stream.write(part.text)
        if part.question is None:
            continue
        run.report(telling.name, n_asked / n_questions)
        n_asked += 1
        last: Kind | None = None
        key = f"explain:{run.snapshot.uri}"
        async with aclosing(answers.ask(telling.topic, part.question, key)) as units:
            async for unit in units:
                if said.note(unit) and part.is_step:
                    continue  # it was said of another step, or of the whole, which it is then likely to be about
                text = linked(unit.text, run.snapshot.uri, telling.code, telling.first_line)
                stream.write(f": {text}" if part.is_step else _put(unit.kind, text, last))
                last = unit.kind
        stream.write("\n" if last or part.is_step else f"{part.otherwise}\n" if part.otherwise else "")


def _put(kind: Kind, text: str, last: Kind | None) -> str:
    """Return `text` as Markdown behind a unit of the kind `last`, None for the first one."""
    marked = f"- {text}" if kind is Kind.BULLET else text
    if last is None:
        return marked
    if kind is not last or kind in (Kind.HEADING, Kind.CODE):
        return f"\n\n{marked}"
    return f"\n{marked}" if kind is Kind.BULLET else f" {marked}"
