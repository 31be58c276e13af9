"""Tells a plan: its facts at once, and between them what the model says, each sentence once it is whole and holds."""

from contextlib import aclosing
from dataclasses import dataclass

from lsp_server.explain.check import Repetitions
from lsp_server.explain.phrases import linked
from lsp_server.explain.plan import Part
from lsp_server.explain.units import Kind, Unit
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
        is_told = False
        key = f"explain:{run.snapshot.uri}"
        async with aclosing(answers.ask(telling.topic, part.question, key)) as units:
            async for unit in units:
                if said.note(unit):
                    continue  # of another part too: it was read off the docstring, more likely than off the code
                stream.write(_put(unit, part, telling, run.snapshot.uri, is_first=not is_told))
                is_told = True
        stream.write("\n" if is_told or part.is_step else f"{part.otherwise}\n" if part.otherwise else "")


def _put(unit: Unit, part: Part, telling: Telling, uri: str, *, is_first: bool) -> str:
    """Return `unit` as Markdown, to be written behind what is there."""
    if unit.kind is Kind.CODE:
        return f"\n\n{unit.text}\n\n"
    text = linked(unit.text, uri, telling.code, telling.first_line)
    match unit.kind:
        case Kind.BULLET:
            return f"- {text}" if is_first else f"\n- {text}"
        case Kind.HEADING:
            return f"\n\n{text}\n\n"
    return f": {text}" if part.is_step else text if is_first else f" {text}"
