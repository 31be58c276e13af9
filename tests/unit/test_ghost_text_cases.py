"""Runs tests/cases/*.txt: source with a cursor, raw model output, the ghost text expected.

A file begins with prose. A case is `=== what it shows`, a line with the language and flags (`cut-off`: the model was
stopped by a limit; `single-line`; `crlf`: the document ends its lines so), then the sections `--- document` (the
cursor is `‸`), `--- model` and `--- shown`, or `--- nothing: REASON`. A section holds its lines without the line
end before the next mark; blank lines at its end are not part of it, except in `model`. `␣` stands for a space that
an editor would trim.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from lsp_server.completion.ghost_text import GhostText, ghost_text, is_done
from lsp_server.completion.lines import Drop
from lsp_server.completion.place import Place, place_at
from lsp_server.document import Document, Position

CURSOR = "‸"


@dataclass(frozen=True)
class Case:
    title: str
    language_id: str
    flags: frozenset[str]
    document: str
    model: str
    shown: str
    drop: Drop | None

    def place(self) -> Place:
        before, _, after = self.document.partition(CURSOR)
        line = before.count("\n")
        column = len(before.rpartition("\n")[2])
        text = before + after
        if "crlf" in self.flags:
            text = text.replace("\n", "\r\n")
        document = Document("file:///case", text, version=1, language_id=self.language_id)
        return place_at(document.snapshot(), Position(line, column))

    def shown_of(self, raw: str, *, has_ended: bool) -> GhostText:
        is_cut_off = has_ended and "cut-off" in self.flags
        return ghost_text(raw, self.place(), is_cut_off=is_cut_off, single_line="single-line" in self.flags)

    def expected(self) -> GhostText:
        newline = "\r\n" if "crlf" in self.flags else "\n"
        return GhostText(self.shown.replace("\n", newline), self.drop)


def parse_case(text: str) -> Case:
    head, *sections = re.split(r"^--- ", text, flags=re.MULTILINE)
    title, words, *_ = head.split("\n")
    language_id, *flags = words.split()
    bodies = dict(section.split("\n", 1) for section in sections)
    document, model = bodies.pop("document"), bodies.pop("model")
    ((kind, shown),) = bodies.items()
    drop = Drop[kind.removeprefix("nothing: ")] if kind != "shown" else None
    return Case(
        title,
        language_id,
        frozenset(flags),
        document.removesuffix("\n"),
        model.removesuffix("\n").replace("␣", " "),
        shown.rstrip("\n").replace("␣", " "),
        drop,
    )


def load_cases() -> list[Case]:
    cases = []
    for path in sorted((Path(__file__).parents[1] / "cases").glob("*.txt")):
        _, *texts = re.split(r"^=== ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        cases += [parse_case(text) for text in texts]
    return cases


CASES = load_cases()


def test_there_are_cases_and_each_has_its_own_title() -> None:
    assert len({case.title for case in CASES}) == len(CASES) >= 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_what_is_shown(case: Case) -> None:
    assert case.shown_of(case.model, has_ended=True) == case.expected()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_stopping_as_soon_as_it_is_done_shows_the_same(case: Case) -> None:
    place = case.place()
    single_line = "single-line" in case.flags
    done = [i for i in range(len(case.model) + 1) if is_done(case.model[:i], place, single_line=single_line)]
    assert done == list(range(done[0], len(case.model) + 1)) if done else True
    for end in done:
        assert case.shown_of(case.model[:end], has_ended=False) == case.expected()
