"""The holes of the retrieval bench: what fills them stands in one other file, and nowhere in their own."""

import re

from tests.bench.elsewhere import find_cases, find_sources

ANIMALS = """\
class Quokka:
    SIZE_LIMIT = 3

    def nibble(self, leaf):
        return leaf

    def wait(self):
        return self.nibble(1)
"""
FEEDING = """\
import asyncio
from zoo.animals import Quokka

def feed(quokka: Quokka):
    asyncio.run(quokka.wait())
    return quokka.nibble(2) + 1
"""


def test_a_hole_is_a_member_that_one_other_file_defines() -> None:
    (case,) = find_cases({"zoo/animals.py": ANIMALS, "zoo/feeding.py": FEEDING}, 10)
    assert (case.path, case.name) == ("zoo/feeding.py", "nibble")
    assert case.before.endswith("return quokka.")
    assert case.after == " + 1\n"
    assert case.before + "nibble(2)" + case.after == FEEDING


def test_what_several_files_define_or_the_file_says_twice_is_no_hole() -> None:
    twice = FEEDING + "    quokka.nibble(3)\n"
    assert find_cases({"zoo/animals.py": ANIMALS, "zoo/feeding.py": twice}, 10) == []
    several = {"zoo/animals.py": ANIMALS, "zoo/feeding.py": FEEDING, "park/other.py": "def nibble(): pass\n"}
    assert find_cases(several, 10) == []


def test_the_packages_give_enough_holes_and_the_same_each_time() -> None:
    sources = {path: text for path, text in find_sources().items() if path.startswith(("starlette/", "pygls/"))}
    cases = find_cases(sources, 10)
    assert cases == find_cases(dict(reversed(sources.items())), 10)
    assert len(cases) >= 8
    for case in cases:
        assert not re.search(rf"\b{case.name}\b", case.text)
        assert sum(1 for text in sources.values() if re.search(rf"\b{case.name}\b", text)) >= 2
