"""Runs tests/cases/*.txt: source with a cursor, raw model output, the ghost text expected.

A file begins with prose. A case is `=== what it shows`, a line with the language and flags (`cut-off`: the model was
stopped by a limit; `single-line`; `crlf`: the document ends its lines so), then the sections `--- document` (the
cursor is `‸`), `--- model` and `--- shown`, or `--- nothing: REASON`. A section holds its lines without the line
end before the next mark; blank lines at its end are not part of it, except in `model`. `␣` stands for a space that
an editor would trim.

Beside them, where it lies next to the checkout, a set that others made for another product is read. Its expectations
are met but for those listed in `DIFFERENCES`, each with the reason why a person is better served so.
"""

import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from lsp_server.completion.ghost_text import GhostText, ghost_text, is_done
from lsp_server.completion.lines import Drop
from lsp_server.completion.place import Place, place_at
from lsp_server.document import Document, Position
from lsp_server.languages import language_of

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


OTHERS = Path(__file__).parents[3] / "shared" / "data" / "completion" / "ghost_text_cases.jsonl.gz"
LANGUAGES = {".dart": "dart", ".fs": "fsharp", ".hs": "haskell", ".jl": "julia", ".r": "r"}
"""What an editor says of files that no command of ours opens."""

DIFFERENCES = {
    "Should autocomplete CSS pseudoclass": "The semicolon stands behind the cursor; a second one is not written.",
    "Should autocomplete a simple Go function declaration": "The file is indented by tabs, and so is what is shown.",
    "Should autocomplete SQL query with nested functions and missing bracket": "Nothing opens the bracket.",
    "Should autocomplete a Rust function implementation inside a struct": (
        "The last brace is the function's own: without it the file does not parse. The body is moved under its header."
    ),
    "Should complete R loop and print statement": "The bracket stands behind the cursor.",
    "Should handle Scala case class with a missing field": "Both brackets stand behind the cursor.",
    "Should complete F# list comprehension expression": "The bracket stands behind the cursor.",
    "Should autocomplete Java when inside a block": "The cursor's line is blank: it is used, not followed by another.",
    "Should autocomplete a Markdown heading and preserve formatting": (
        "A heading ends with its line: what is below it is another suggestion."
    ),
    "Should autocomplete a Java method within a class": "The cursor's line is blank: the brace goes there.",
}


@pytest.mark.skipif(not OTHERS.exists(), reason="development data, no part of the project")
def test_what_others_expect_is_shown_but_for_what_is_worse() -> None:
    with gzip.open(OTHERS, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    differing = {row["description"] for row in rows if _shown_of_row(row) != (row.get("expectedCompletion") or "")}
    assert differing == set(DIFFERENCES)
    assert len(rows) - len(differing) >= 100


def _shown_of_row(row: dict[str, str]) -> str:
    suffix = Path(row["filename"]).suffix.lower()
    document = row["input"].replace("<|fim|>", CURSOR)
    language_id = LANGUAGES.get(suffix) or language_of(row["filename"])
    case = Case("", language_id, frozenset(), document, row["llmOutput"], "", None)
    return case.shown_of(case.model, has_ended=True).text
