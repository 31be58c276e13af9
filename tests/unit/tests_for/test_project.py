"""A Python project: how its files are imported, by which interpreter, and the shadow that a run sees of it."""

import os
import sys
from pathlib import Path

import pytest

from lsp_server.context.subject import subject_at
from lsp_server.tests_for.python import PythonFramework, find_python
from lsp_server.tests_for.python_project import Interpreter, find_interpreter, find_module
from lsp_server.tests_for.shadow import make_shadow
from lsp_server.tests_for.target import Target


def write(folder: Path, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize(
    ("files", "path", "tests", "expected"),
    [
        ((), "solution.py", (), ("", "solution")),
        (("src/pkg/__init__.py",), "src/pkg/m.py", (), ("src", "pkg.m")),
        (("pkg/__init__.py", "pkg/sub/__init__.py"), "pkg/sub/m.py", (), ("", "pkg.sub.m")),
        (("pkg/__init__.py",), "pkg/__init__.py", (), ("", "pkg")),
        ((), "src/m.py", (), ("src", "m")),
        ((), "src/space/m.py", (), ("src", "space.m")),
        ((), "app/m.py", (), ("", "app.m")),
        ((), "app/m.py", ("from m import f",), ("app", "m")),
        (("backend/app/__init__.py",), "backend/app/m.py", (), ("backend", "app.m")),
        (("src/pkg/__init__.py",), "src/pkg/json.py", ("import json",), ("src", "pkg.json")),
    ],
)
def test_modules(files: tuple[str, ...], path: str, tests: tuple[str, ...], expected: object, tmp_path: Path) -> None:
    assert find_module(write(tmp_path, *files), path, "", tests) == expected


@pytest.mark.parametrize(
    ("files", "path", "text", "expected"),
    [
        (("app/helpers.py",), "app/m.py", "import os\nfrom helpers import two\n", ("app", "m")),
        (("app/helpers/__init__.py",), "app/m.py", "import helpers\n", ("app", "m")),
        (("app/helpers.py", "app/__init__.py"), "app/m.py", "from helpers import two\n", ("", "app.m")),
        (("app/helpers.py",), "app/m.py", "from app.helpers import two\n", ("", "app.m")),
        (("helpers.py",), "m.py", "from helpers import two\n", ("", "m")),
        (("src/helpers.py",), "src/m.py", "    from helpers import two\n", ("src", "m")),
    ],
)
def test_modules_of_scripts(files: tuple[str, ...], path: str, text: str, expected: object, tmp_path: Path) -> None:
    assert find_module(write(tmp_path, *files), path, text) == expected


def test_the_interpreter_is_that_of_the_environment(tmp_path: Path) -> None:
    write(tmp_path, ".venv/bin/python", ".venv/lib/python3.9/site-packages/pytest/__init__.py")
    (tmp_path / ".venv/bin/python").chmod(0o755)
    base = write(tmp_path / "opt", "bin/python3.9")
    (tmp_path / ".venv/pyvenv.cfg").write_text(f"home = {base}/bin\nversion = 3.9\n")
    found = find_interpreter(tmp_path, {"PATH": ""})
    assert found.path == tmp_path / ".venv/bin/python"
    assert base in found.prefixes
    assert found.has("pytest")
    assert not found.has("anyio")
    (tmp_path / ".venv/pyvenv.cfg").write_text(f"home = {tmp_path}/home\n")
    assert tmp_path not in find_interpreter(tmp_path, {"PATH": ""}).prefixes  # there is no Python in it
    (tmp_path / ".venv/pyvenv.cfg").write_text(f"home = {base}/bin\n")
    framework = find_python(tmp_path, {}, ())
    assert (framework.name, framework.interpreter) == ("pytest", found)
    assert find_python(tmp_path, {}, ("class T(unittest.TestCase): ...",)).name == "unittest"


def test_without_an_environment_it_is_the_one_on_path_or_the_servers(tmp_path: Path) -> None:
    # A folder that is called like an environment and is none decides nothing.
    write(tmp_path, "env/bin/python")
    (tmp_path / "env/bin/python").chmod(0o755)
    assert find_interpreter(tmp_path, {"PATH": ""}).path == Path(sys.executable)
    found = find_interpreter(tmp_path, {"PATH": str(Path(sys.executable).parent)})
    assert found.path.exists()
    assert Path(sys.base_prefix).resolve() in [prefix.resolve() for prefix in found.prefixes]


def test_a_python_of_the_workspace_is_not_asked_where_it_lies(tmp_path: Path) -> None:
    write(tmp_path, "bin/python3")
    (tmp_path / "bin/python3").write_text(f"#!/bin/sh\ntouch {tmp_path}/executed\n")
    (tmp_path / "bin/python3").chmod(0o755)
    found = find_interpreter(tmp_path, {"PATH": f"{tmp_path}/bin{os.pathsep}{Path(sys.executable).parent}"})
    assert found.path.parent != tmp_path / "bin"
    assert not (tmp_path / "executed").exists()


def test_a_shadow_is_the_workspace_with_a_few_files_of_its_own(tmp_path: Path) -> None:
    workspace = write(tmp_path / "w", "pkg/a.py", "pkg/deep/b.py", "tests/conftest.py", "README")
    shadow = tmp_path / "s"
    make_shadow(workspace, shadow, {"pkg/a.py": "new", "tests/test_a.py": "test", "more/of/it.py": "x"})
    assert (shadow / "pkg/a.py").read_text() == "new"
    assert (shadow / "pkg/deep/b.py").read_text() == "pkg/deep/b.py"
    assert (shadow / "tests/conftest.py").read_text() == "tests/conftest.py"
    assert (shadow / "more/of/it.py").read_text() == "x"
    assert (workspace / "pkg/a.py").read_text() == "pkg/a.py"
    assert not (workspace / "tests/test_a.py").exists()
    assert (shadow / "README").is_symlink()


@pytest.mark.parametrize("path", ["../x.py", "/x.py", "a/../../x.py"])
def test_nothing_is_written_outside_a_shadow(path: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workspace"):
        make_shadow(write(tmp_path / "w", "a/b"), tmp_path / "s", {path: ""})


CART = """\
class Cart:
    def __init__(self, rate):
        self.rate = rate

    def total(self, items):
        return 0

    @staticmethod
    def empty():
        return []


async def load(path):
    return path


class Box:
    def area(self):
        return 1
"""


@pytest.mark.parametrize(
    ("line", "uses_pytest", "said"),
    [
        (4, True, "def test_total():\n    assert Cart(...).total(...) == ..."),
        (1, True, "assert Cart(...) == ..."),
        (8, True, "assert Cart.empty(...) == ..."),
        (
            12,
            True,
            "import asyncio\n\nfrom shop import load\n\n\ndef test_load():\n    assert asyncio.run(load(...)) == ...",
        ),
        (
            17,
            False,
            "    def test_area(self):\n        self.assertEqual(Box().area(...), ...)",
        ),
    ],
)
def test_the_prompt_shows_how_it_is_called(line: int, uses_pytest: bool, said: str, tmp_path: Path) -> None:
    subject = subject_at("python", CART, line, line)
    assert subject is not None
    framework = PythonFramework(Interpreter(Path("python"), (), ()), uses_pytest)
    assert said in framework.rules(Target(subject, tmp_path, "shop.py", CART, "test_shop.py"))
