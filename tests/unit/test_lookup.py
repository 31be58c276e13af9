"""What the index's answers become: a class by its heads, a function by its first lines, a module by its outline."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lsp_server.completion.names import names_at
from lsp_server.context.index import WorkspaceIndex
from lsp_server.document import split_lines
from lsp_server.features.lookup import Lookup, Question
from tests.unit.test_context_index import indexed

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("hearthline_home")]

ANIMALS = '''\
class Animal:
    def sleep(self, hours: int) -> None:
        """Sleep."""


class Quokka(Animal):
    """One of them."""

    limit: int = 3
    colour = "brown"

    def __repr__(self) -> str:
        return "quokka"

    def _hide(self) -> None:
        local = 1

    def nibble(self, leaf: str) -> int:
        return len(leaf)


def find_quokka(place: str) -> Quokka:
    """Find one."""
    return Quokka()
'''
QUOKKA = """\
class Quokka(Animal):
    limit: int = 3
    colour = "brown"
    def nibble(self, leaf: str) -> int:
    def _hide(self) -> None:"""
ANIMAL = """\
class Animal:
    def sleep(self, hours: int) -> None:"""


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[WorkspaceIndex]:
    (tmp_path / "animals.py").write_text(ANIMALS)
    members = "".join(f"    def member_number_{n}(self, value: int) -> int:\n        return {n}\n" for n in range(200))
    (tmp_path / "wide.py").write_text(f"class Wide:\n{members}")
    async with indexed(tmp_path) as built:
        yield built


def lookup(index: WorkspaceIndex, folder: Path, text: str) -> Lookup:
    """Return the lookup at the end of `text`."""
    lines = split_lines(text)
    names = names_at(lines, len(lines) - 1, len(lines[-1]))
    question = Question(names, str(folder / "main.py"), text, (str(folder),))
    return Lookup(index, question, lambda path: Path(path).name, lambda *_: False)


async def test_a_class_is_told_by_its_heads_and_those_of_its_base(index: WorkspaceIndex, tmp_path: Path) -> None:
    found = await lookup(index, tmp_path, "quokka = Quokka()\nquokka.").close()
    assert [(each.path, each.text, each.is_close) for each in found] == [
        ("animals.py", QUOKKA, True),
        ("animals.py", ANIMAL, True),
    ]


async def test_a_call_is_told_by_what_it_returns(index: WorkspaceIndex, tmp_path: Path) -> None:
    function, returned = await lookup(index, tmp_path, "find_quokka('here').").close()
    assert function.text.startswith('def find_quokka(place: str) -> Quokka:\n    """Find one.')
    assert returned.text == QUOKKA


async def test_a_module_is_told_by_its_outline(index: WorkspaceIndex, tmp_path: Path) -> None:
    (outline,) = await lookup(index, tmp_path, "import animals\nanimals.").close()
    assert outline.text.splitlines()[0] == "class Animal:"
    assert outline.text.splitlines()[-1] == "def find_quokka(place: str) -> Quokka:"


async def test_a_wide_class_is_told_by_names_alone(index: WorkspaceIndex, tmp_path: Path) -> None:
    (wide,) = await lookup(index, tmp_path, "wide = Wide()\nwide.").close()
    assert len(wide.text) <= 1000
    assert wide.text.splitlines()[:2] == ["class Wide:", "    def member_number_0"]


async def test_named_and_similar(index: WorkspaceIndex, tmp_path: Path) -> None:
    asked = lookup(index, tmp_path, "member_number_7")
    (named,) = await asked.named(["find_quokka", "unheard_of"])
    assert named.text.startswith("def find_quokka")
    assert {each.path for each in await asked.similar()} == {"wide.py"}


async def test_what_the_prompt_shows_anyway_is_not_told(index: WorkspaceIndex, tmp_path: Path) -> None:
    asked = lookup(index, tmp_path, "quokka = Quokka()\nquokka.")
    asked = Lookup(index, asked._question, asked._label, lambda path, *_: path.endswith("animals.py"))
    assert await asked.close() == []


async def test_a_closed_index_answers_with_nothing(index: WorkspaceIndex, tmp_path: Path) -> None:
    await index.close()
    assert await lookup(index, tmp_path, "quokka = Quokka()\nquokka.").close() == []
    assert await index.outline(str(tmp_path / "animals.py")) == []
