"""Tests suggested for functions of small projects: a scripted engine, the real sandbox, the projects' own runners."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.context.subject import subject_at
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.errors import EngineFailed, HearthlineError
from lsp_server.tests_for.asking import Effort
from lsp_server.tests_for.framework import Verdict
from lsp_server.tests_for.listing import Listing
from lsp_server.tests_for.planning import make_plan
from lsp_server.tests_for.python import PythonFramework, find_python
from lsp_server.tests_for.running import Runner
from lsp_server.tests_for.sandbox import Sandbox, find_sandbox
from lsp_server.tests_for.suggest import suggest
from lsp_server.tests_for.suggestion import Suggestion
from lsp_server.tests_for.target import Target

pytestmark = pytest.mark.sandbox

CLAMP = '''\
"""Bounds."""

from .limits import LOWEST


def clamp(value: int, low: int = LOWEST, high: int = 10) -> int:
    """Bring `value` between `low` and `high`.

    >>> clamp(11, 0, 10)
    10
    >>> clamp(5, 5, 5)
    6
    """
    if value < low:
        return low
    if value > high:
        return high
    return value
'''
FILES = {
    "src/bounds/__init__.py": "",
    "src/bounds/limits.py": "LOWEST = 0\n",
    "src/bounds/clamp.py": CLAMP,
    "tests/conftest.py": "import pytest\n\n@pytest.fixture\ndef seven():\n    return 7\n",
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--no-such-option"\n',
}


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    monkeypatch.setenv("HEARTHLINE_HOME", str(tmp_path / "home"))
    return find_sandbox()


def project(folder: Path, files: dict[str, str], path: str, line: int, test_path: str) -> Target:
    workspace = folder / "workspace"
    for name, text in files.items():
        (workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace / name).write_text(text)
    text = files[path]
    subject = subject_at("python", text, line, line)
    assert subject is not None
    return Target(subject, workspace.resolve(), path, text, test_path)


def framework(*, uses_pytest: bool = True) -> PythonFramework:
    return PythonFramework(find_python(Path("/"), {"VIRTUAL_ENV": sys.prefix}, ()).interpreter, uses_pytest)


def said_by(target: Target, module: str, *arguments: str) -> str:
    """Run a module of Python in the project, as a person would; return what it says."""
    command = [sys.executable, "-m", module, *arguments]
    ran = subprocess.run(command, cwd=target.workspace, check=False, capture_output=True, text=True)
    return ran.stdout + ran.stderr


def engine(*answers: str) -> ScriptedEngine:
    """Answer the first question, then all others in turn; the last answer again and again."""
    left = list(answers)
    return ScriptedEngine([Rule("", reply=lambda _: left.pop(0) if len(left) > 1 else left[0])])


async def suggested(target: Target, sandbox: Sandbox, *answers: str, uses_pytest: bool = True) -> Suggestion:
    effort = Effort(n_drawn=0, n_rounds=1, is_told=True)
    own = framework(uses_pytest=uses_pytest)
    return await suggest(target, own, engine(*answers), sandbox, lambda *_: None, effort=effort)


GOOD = """\
```python
from bounds.clamp import clamp

def test_low():
    assert clamp(-1, 0, 10) == 0

def test_high(seven):
    assert clamp(11, 0, seven) == seven
    assert clamp(12) == 9

def test_same_again(tmp_path):
    (tmp_path / "x").write_text("y")
    assert clamp(-1, 0, 10) == 0

def test_documented():
    assert clamp(5, 5, 5) == 6
```
"""
MENDED = "```python\ndef test_high_2():\n    assert clamp(12) == 10\n```"


@pytest.mark.anyio
async def test_what_passes_and_tells_something_is_kept(tmp_path: Path, sandbox: Sandbox) -> None:
    target = project(tmp_path, FILES, "src/bounds/clamp.py", 5, "tests/test_clamp.py")
    suggestion = await suggested(target, sandbox, GOOD, MENDED)
    texts = "\n".join(test.text for test in suggestion.kept)
    assert "def test_low" in texts
    assert "clamp(11, 0, seven) == seven" in texts
    assert "== 9" not in texts
    (disagreement,) = suggestion.disagreements
    assert "clamp(5, 5, 5) == 6" in disagreement.text
    assert disagreement.text.startswith("# Fails: `clamp` does not do what its documentation says")
    tally = suggestion.tally
    assert tally.tried == tally.kept + tally.disagreeing + sum(tally.dropped.values())
    assert not list(target.workspace.rglob("test_*"))
    assert not list((tmp_path / "home" / "run").glob("tests-*"))
    # They pass where a person runs them: in the project, by its own runner.
    (target.workspace / "tests/test_clamp.py").write_text(framework().assembled(target, suggestion.kept))
    assert "passed" in said_by(target, "pytest", "-q", "-o", "addopts=", "-o", "pythonpath=src", "tests")


AREA = "def area(n):\n    return n * two()\n\n\ndef two():\n    return 2\n"


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({"area.py": AREA}, "area.py"),
        ({"p/__init__.py": "", "p/area.py": AREA}, "p/area.py"),
        ({"app/helpers.py": AREA, "app/area.py": f"from helpers import two\n\n\n{AREA}"}, "app/area.py"),
        ({"src/area.py": AREA, "pytest.ini": "[pytest]\npythonpath = src\n"}, "src/area.py"),
        ({"area.py": AREA, "conftest.py": ""}, "area.py"),
    ],
)
def test_a_plain_pytest_finds_what_was_put_there(tmp_path: Path, files: dict[str, str], path: str) -> None:
    target = project(tmp_path, files, path, files[path].split("\n").index("def area(n):"), "")
    folder = target.workspace
    plan = make_plan(target.subject, path, target.text, folder, Listing(folder, path, (), {}))
    answer = "def test_area():\n    assert area(3) == 6\n"
    test = folder / plan.target.test_path
    test.parent.mkdir(exist_ok=True)
    test.write_text(plan.framework.assembled(plan.target, plan.framework.read(answer, plan.target, ()).tests))
    ran = subprocess.run(
        [Path(sys.prefix) / "bin" / "pytest", "-q"], cwd=folder, check=False, capture_output=True, text=True
    )
    assert "1 passed" in ran.stdout, ran.stdout


@pytest.mark.anyio
async def test_unittest_in_a_package_of_tests(tmp_path: Path, sandbox: Sandbox) -> None:
    files = {"bounds.py": CLAMP.replace("from .limits import LOWEST", "LOWEST = 0"), "tests/__init__.py": ""}
    target = project(tmp_path, files, "bounds.py", 5, "tests/test_bounds.py")
    said = "class X(unittest.TestCase):\n    def test_low(self):\n        self.assertEqual(clamp(-1), 0)\n"
    suggestion = await suggested(target, sandbox, said, uses_pytest=False)
    (test,) = suggestion.kept
    assert test.holder == "class TestClamp(unittest.TestCase):"
    text = framework(uses_pytest=False).assembled(target, suggestion.kept)
    assert "    def test_low(self):\n        self.assertEqual(clamp(-1), 0)" in text
    (target.workspace / "tests/test_bounds.py").write_text(text)
    assert "OK" in said_by(target, "unittest")


WRONG = """\
def test_low():
    assert clamp(-1, 0, 10) == 1  # below

def test_both():
    expected = 12
    result = clamp(12)
    assert result == expected, "not twelve"
    assert clamp(3) == 3
    assert clamp(11, 0, 10) == 12
    assert clamp(5, 5, 5) == 7
    assert clamp(None) == 0
    assert clamp(...) == ...
"""


@pytest.mark.anyio
@pytest.mark.parametrize("is_told", [False, True])
async def test_what_is_not_so_is_stated_as_it_is_and_says_so(
    tmp_path: Path, sandbox: Sandbox, *, is_told: bool
) -> None:
    target = project(tmp_path, FILES, "src/bounds/clamp.py", 5, "tests/test_clamp.py")
    asked = engine(WRONG, "```python\ndef test_low():\n    assert clamp(-1, 0, 10) == 1\n```")
    effort = Effort(n_drawn=0, n_rounds=int(is_told), is_told=is_told)
    suggestion = await suggest(target, framework(), asked, sandbox, lambda *_: None, effort=effort)
    mending = [each for each in asked.served if "This test fails" in str(each.request)]
    assert bool(mending) is is_told  # who can mend is asked to, before anything is stated
    by_name = {test.name: test for test in suggestion.kept}
    assert by_name["test_both"].text == "def test_both():\n    assert clamp(3) == 3"
    low = by_name["test_low_as_it_is"].text
    assert low.startswith("# States what `clamp` does now: check it.\ndef test_low_as_it_is")
    assert low.endswith("assert clamp(-1, 0, 10) == 0")
    both = next(text for name, test in by_name.items() if "result" in (text := test.text) and test.is_stated and name)
    assert "assert result == 10" in both
    assert "12\n    result" not in both
    assert "None" not in both
    assert "assert clamp(11, 0, 10) == 10" in both
    assert "clamp(5, 5, 5)" not in both  # of which the docstring says something else than the code
    tally = suggestion.tally
    assert tally.stated == 2
    assert tally.tried == tally.kept + tally.disagreeing + sum(tally.dropped.values())


STANDING = """\
import pytest
from bounds.clamp import clamp

class TestClamp:
    def test_there(self):
        assert clamp(-1) == 0

def test_broken():
    assert clamp(3) == 4

@pytest.mark.parametrize("value", [11, 12])
def test_high(value):
    assert clamp(value) == 10
"""


@pytest.mark.anyio
async def test_what_the_tests_there_are_tell_is_not_told_again(tmp_path: Path, sandbox: Sandbox) -> None:
    folder = tmp_path / "some"
    target = project(folder, FILES, "src/bounds/clamp.py", 5, "tests/test_clamp.py")
    target = replace(target, existing=STANDING)
    said = "def test_low():\n    assert clamp(-1) == 0\n\ndef test_within():\n    assert clamp(3) == 3\n"
    suggestion = await suggested(target, sandbox, said)
    assert [test.name for test in suggestion.kept] == ["test_within"]
    tally = suggestion.tally
    assert tally.dropped["say nothing that the tests there are do not"] == 1
    assert tally.note == "1 of the 3 tests there are did not pass, and did not count"
    assert tally.tried == tally.kept + sum(tally.dropped.values())


@pytest.mark.anyio
async def test_where_the_tests_there_are_tell_all_nothing_is_asked(tmp_path: Path, sandbox: Sandbox) -> None:
    files = {"one.py": "def one():\n    return 1\n"}
    target = project(tmp_path, files, "one.py", 0, "test_one.py")
    existing = "import unittest, one\nclass T(unittest.TestCase):\n    def test_one(self):\n"
    existing += "        self.assertEqual(one.one(), 1)\n"
    asked = engine("")
    own = framework(uses_pytest=False)
    suggestion = await suggest(replace(target, existing=existing), own, asked, sandbox, lambda *_: None)
    assert not asked.served
    assert suggestion.tally.is_covered


BAD = """\
import os, random, socket, subprocess, sys, time

def test_hangs():
    while True:
        clamp(1)

def test_leaves():
    clamp(1)
    os._exit(0)

def test_writes():
    open("left.txt", "w").write(str(clamp(1)))

def test_connects():
    assert clamp(1)
    try:
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    except OSError:
        pass

def test_runs():
    subprocess.run(["true"])
    assert clamp(1)

def test_skips():
    raise unittest.SkipTest(str(clamp(1)))

def test_raises():
    clamp(None)

def test_reads_what_is_not_there():
    assert clamp(len(os.listdir(os.path.expanduser("~/.ssh")))) is None
"""
REASONS = {
    "test_hangs": (Verdict.SLOW, "longer"),
    "test_leaves": (Verdict.BROKEN, "ended its process"),
    "test_writes": (Verdict.FORBIDDEN, "outside"),
    "test_connects": (Verdict.FORBIDDEN, "network"),
    "test_runs": (Verdict.FORBIDDEN, "program"),
    "test_skips": (Verdict.SKIPPED, ""),
    "test_raises": (Verdict.BROKEN, "TypeError"),
    "test_reads_what_is_not_there": (Verdict.BROKEN, "FileNotFoundError"),
}


@pytest.mark.anyio
async def test_what_is_no_good_says_why_and_harms_no_other(tmp_path: Path, sandbox: Sandbox) -> None:
    target = project(tmp_path, FILES, "src/bounds/clamp.py", 5, "tests/test_clamp.py")
    own = framework(uses_pytest=False)
    good = "def test_good():\n    assert clamp(11) == 10\n"
    tests = own.read(
        f"{BAD}\n{good}\nfrom nowhere import nothing\ndef test_import():\n    nothing(clamp)\n", target, ()
    )
    assert not tests.dropped
    results = {result.test: result for result in await Runner(target, own, sandbox).run(tests.tests)}
    for name, (verdict, words) in REASONS.items():
        assert results[name].verdict is verdict, results[name]
        assert words in results[name].words
    assert results["test_import"].verdict is Verdict.BROKEN
    assert results["test_good"].verdict is Verdict.PASSED
    lines = CLAMP.split("\n")
    assert {lines[line].strip() for line in results["test_good"].lines} == {
        "if value < low:",
        "if value > high:",
        "return high",
    }


@pytest.mark.anyio
async def test_what_does_not_pass_each_time_is_dropped(tmp_path: Path, sandbox: Sandbox) -> None:
    target = project(tmp_path, FILES, "src/bounds/clamp.py", 5, "tests/test_clamp.py")
    hashed = "import hashlib, os\ndef test_order():\n    assert clamp(int(os.environ['PYTHONHASHSEED']), 0, 9) == 0\n"
    suggestion = await suggested(target, sandbox, hashed, uses_pytest=False)
    assert suggestion.kept == ()
    assert suggestion.tally.dropped["did not pass three times in a row"] == 1


@pytest.mark.anyio
async def test_an_engine_that_fails_is_an_error_and_a_secret_is_not_shown(tmp_path: Path, sandbox: Sandbox) -> None:
    target = project(tmp_path, FILES, "src/bounds/clamp.py", 5, "tests/test_clamp.py")
    broken = ScriptedEngine([Rule("", error=EngineFailed("it broke"))])
    with pytest.raises(EngineFailed):
        await suggest(target, framework(), broken, sandbox, lambda *_: None)
    secret = FILES | {"src/bounds/clamp.py": CLAMP + '\nTOKEN = "ghp_' + "a1B2" * 9 + '"\n'}
    target = project(tmp_path, secret, "src/bounds/clamp.py", 5, "tests/test_clamp.py")
    asked = engine(GOOD)
    with pytest.raises(HearthlineError, match="secret"):
        await suggest(target, framework(), asked, sandbox, lambda *_: None)
    assert not asked.served


@pytest.mark.anyio
async def test_claims_that_say_nothing_new_are_left_out(tmp_path: Path, sandbox: Sandbox) -> None:
    target = project(tmp_path, FILES, "src/bounds/clamp.py", 5, "tests/test_clamp.py")
    lines = [f"    assert clamp({number}, 0, 100) == {number}" for number in range(10, 18)]
    lines.insert(5, "    assert clamp(-1, 0, 100) == 0  # below")
    suggestion = await suggested(target, sandbox, "\n".join(["def test_many():", *lines]))
    assert [test.text for test in suggestion.kept] == ["\n".join(["def test_many():", *lines[:2], lines[5]])]


@pytest.mark.anyio
async def test_claims_that_need_each_other_stay(tmp_path: Path, sandbox: Sandbox) -> None:
    target = project(tmp_path, FILES, "src/bounds/clamp.py", 5, "tests/test_clamp.py")
    lines = ["    seen = []"]
    lines += [f"    assert seen.append(clamp({n}, 0, 9)) or len(seen) == {n + 1}" for n in range(5)]
    suggestion = await suggested(target, sandbox, "\n".join(["def test_many():", *lines]))
    assert [test.text.count("assert") for test in suggestion.kept] == [5]


@pytest.mark.anyio
@pytest.mark.parametrize("uses_pytest", [True, False])
async def test_what_cannot_be_loaded_says_why_before_a_model_is_asked(
    tmp_path: Path, sandbox: Sandbox, *, uses_pytest: bool
) -> None:
    files = FILES | {"src/bounds/clamp.py": f"import no_such_package\n{CLAMP}"}
    target = project(tmp_path, files, "src/bounds/clamp.py", 6, "tests/test_clamp.py")
    asked = engine(GOOD)
    words = (
        r"src/bounds/clamp\.py cannot be loaded by .*/python\S* \(a `\.venv`.*: ModuleNotFoundError: .*'no_such_pack"
    )
    with pytest.raises(HearthlineError, match=words):
        await suggest(target, framework(uses_pytest=uses_pytest), asked, sandbox, lambda *_: None)
    assert not asked.served
