"""How projects of many layouts test: which runner, and where the tests of a file lie."""

from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lsp_server.tests_for.conventions import MAX_EXAMPLE_CHARS, MAX_EXAMPLES, find_conventions
from lsp_server.tests_for.conventions_runner import Runner

PYTEST = "import pytest\n\ndef test_it():\n    pass\n"
PLAIN = "def test_it():\n    assert True\n"
UNITTEST = "import unittest\n\nclass AreaTest(unittest.TestCase):\n    def test_it(self):\n        pass\n"
IMPORTING = "from p.b import area\n\ndef test_area(): area(1)\n"
VITEST = 'import { test } from "vitest";\n'
JEST_GLOBALS = 'import { test } from "@jest/globals";\n'
NODE = 'const test = require("node:test");\n'
PYPROJECT = '[project]\nname = "x"\n'


class Layout(NamedTuple):
    """A project: path -> text; the file whose tests are wanted; what is to be found."""

    id: str
    files: dict[str, str]
    path: str
    runner: Runner
    test: str
    is_new: bool = True
    root: str = ""


LAYOUTS = [
    # Python
    Layout("bare", {"area.py": ""}, "area.py", Runner.PYTEST, "test_area.py"),
    Layout("a package alone", {"p/__init__.py": "", "p/a.py": ""}, "p/a.py", Runner.PYTEST, "p/test_a.py"),
    Layout("a project that nobody installs", {"area.py": "", "pyproject.toml": PYPROJECT}, "area.py", Runner.PYTEST,
           "test_area.py"),
    Layout("installed", {"area.py": "", "pyproject.toml": f"{PYPROJECT}[build-system]\n"}, "area.py", Runner.PYTEST,
           "tests/test_area.py"),
    Layout("on the path", {"area.py": "", "pytest.ini": "[pytest]\npythonpath = .\n"}, "area.py", Runner.PYTEST,
           "tests/test_area.py"),
    Layout("on the path by conftest.py", {"x/area.py": "", "conftest.py": ""}, "x/area.py", Runner.PYTEST,
           "tests/test_area.py"),
    Layout("scripts", {"app/m.py": "import helpers\n", "app/helpers.py": "", "conftest.py": "",
           "tests/test_z.py": PYTEST}, "app/m.py", Runner.PYTEST, "app/test_m.py"),
    Layout("flat", {"tests/test_other.py": PLAIN, "other.py": "", "area.py": ""}, "area.py", Runner.PYTEST,
           "tests/test_area.py"),
    Layout("there already", {"tests/test_area.py": PLAIN, "area.py": ""}, "area.py", Runner.PYTEST,
           "tests/test_area.py", is_new=False),
    Layout("in tests/unit", {"src/p/a.py": "", "src/p/b.py": "", "tests/unit/test_a.py": PYTEST,
           "pyproject.toml": PYPROJECT},
           "src/p/b.py", Runner.PYTEST, "tests/unit/test_b.py"),
    Layout("mirrored without src", {"src/p/x/a.py": "", "src/p/y/b.py": "", "tests/p/x/test_a.py": PYTEST},
           "src/p/y/b.py", Runner.PYTEST, "tests/p/y/test_b.py"),
    Layout("mirrored without the package", {"p/x/a.py": "", "p/y/b.py": "", "tests/x/test_a.py": PYTEST},
           "p/y/b.py", Runner.PYTEST, "tests/y/test_b.py"),
    Layout("beside", {"p/a.py": "", "p/b.py": "", "p/test_a.py": PYTEST}, "p/b.py", Runner.PYTEST, "p/test_b.py"),
    Layout("in a folder beside", {"p/a.py": "", "q/b.py": "", "p/tests/test_a.py": PYTEST}, "q/b.py", Runner.PYTEST,
           "q/tests/test_b.py"),
    Layout("suffix", {"p/a.py": "", "p/b.py": "", "tests/a_test.py": PYTEST}, "p/b.py", Runner.PYTEST,
           "tests/b_test.py"),
    Layout("named with its folder", {"p/a.py": "", "q/b.py": "", "tests/test_p_a.py": PYTEST}, "q/b.py", Runner.PYTEST,
           "tests/test_q_b.py"),
    Layout("another of that name has it", {"p/a.py": "", "q/a.py": "", "tests/test_a.py": "from p.a import f\n"},
           "q/a.py", Runner.PYTEST, "tests/test_q_a.py"),
    Layout("a test of another name imports it",
           {"p/a.py": "", "p/b.py": "", "tests/test_a.py": PLAIN, "tests/test_all.py": IMPORTING},
           "p/b.py", Runner.PYTEST, "tests/test_all.py", is_new=False),
    Layout("unittest", {"a.py": "", "b.py": "", "tests/test_a.py": UNITTEST}, "b.py", Runner.UNITTEST,
           "tests/test_b.py"),
    Layout("unittest run by pytest", {"a.py": "", "b.py": "", "tests/test_a.py": UNITTEST,
           "pyproject.toml": "[tool.pytest.ini_options]\n"}, "b.py", Runner.PYTEST, "tests/test_b.py"),
    Layout("pytest by setup.cfg", {"a.py": "", "tests/test_z.py": UNITTEST, "setup.cfg": "[tool:pytest]\n"}, "a.py",
           Runner.PYTEST, "tests/test_a.py"),
    Layout("two packages", {"one/pyproject.toml": PYPROJECT, "one/src/a.py": "", "one/tests/test_z.py": UNITTEST,
           "two/pyproject.toml": PYPROJECT, "two/b.py": "", "two/test_c.py": PYTEST, "two/c.py": ""}, "one/src/a.py",
           Runner.UNITTEST, "one/tests/test_a.py", root="one"),
    # JavaScript and TypeScript
    Layout("node alone", {"lib/a.js": "", "package.json": "{}"}, "lib/a.js", Runner.NODE, "lib/a.test.js"),
    Layout("no package", {"a.mjs": ""}, "a.mjs", Runner.NODE, "a.test.mjs"),
    Layout("vitest beside", {"src/a.ts": "", "src/b.ts": "", "src/a.test.ts": VITEST, "package.json": "{}"},
           "src/b.ts", Runner.VITEST, "src/b.test.ts"),
    Layout("spec", {"src/a.ts": "", "src/b.ts": "", "src/a.spec.ts": VITEST, "package.json": "{}"},
           "src/b.ts", Runner.VITEST, "src/b.spec.ts"),
    Layout("jest in __tests__", {"src/a.js": "", "src/b/c.js": "", "src/__tests__/a.test.js": "test('x', () => {})",
           "package.json": '{"devDependencies": {"jest": "^29"}}'}, "src/b/c.js", Runner.JEST,
           "src/b/__tests__/c.test.js"),
    Layout("__tests__ without .test", {"src/a.js": "", "src/b.js": "", "src/__tests__/a.js": JEST_GLOBALS,
           "package.json": "{}"}, "src/b.js", Runner.JEST, "src/__tests__/b.js"),
    Layout("mocha in test", {"lib/a.js": "", "lib/b.js": "", "test/a.js": "describe('a', () => {})",
           "package.json": '{"scripts": {"test": "mocha"}}'}, "lib/b.js", Runner.MOCHA, "test/b.js"),
    Layout("node by script", {"lib/a.js": "", "package.json": '{"scripts": {"test": "node --test"}}'}, "lib/a.js",
           Runner.NODE, "lib/a.test.js"),
    Layout("vitest of the whole monorepo", {"package.json": '{"devDependencies": {"vitest": "1"}}',
           "packages/x/package.json": "{}", "packages/x/src/a.ts": "", "packages/y/package.json": "{}",
           "packages/y/src/a.ts": "", "packages/y/test/a.test.ts": JEST_GLOBALS}, "packages/x/src/a.ts",
           Runner.VITEST, "packages/x/src/a.test.ts", root="packages/x"),
    Layout("vitest by its settings", {"vitest.config.ts": "", "package.json": "{}", "a.ts": ""}, "a.ts", Runner.VITEST,
           "a.test.ts"),
    Layout("a component", {"a.tsx": "", "b.tsx": "", "a.test.tsx": VITEST}, "b.tsx", Runner.VITEST, "b.test.tsx"),
    Layout("mixed endings", {"a.ts": "", "b.js": "", "a.test.ts": VITEST}, "b.js", Runner.VITEST, "b.test.js"),
    Layout("package.json that is none", {"package.json": "[[[", "a.js": ""}, "a.js", Runner.NODE, "a.test.js"),
    # Go
    Layout("go", {"go.mod": "module x", "pkg/a.go": ""}, "pkg/a.go", Runner.GO, "pkg/a_test.go"),
    Layout("go, there already", {"go.mod": "module x", "pkg/a.go": "", "pkg/a_test.go": "package pkg"}, "pkg/a.go",
           Runner.GO, "pkg/a_test.go", is_new=False),
    Layout("go, no module", {"a.go": ""}, "a.go", Runner.GO, "a_test.go"),
]  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.id)
def test_layouts(layout: Layout) -> None:
    found = find_conventions(layout.path, "area", set(layout.files), layout.files.get)
    assert found is not None
    assert (found.runner, found.path, found.is_new, found.root) == (
        layout.runner,
        layout.test,
        layout.is_new,
        layout.root,
    )


@pytest.mark.parametrize(
    "path",
    ["tests/test_a.py", "a_test.go", "a.test.ts", "tests/conftest.py", "src/__tests__/a.js", "a.rs", "README.md"],
)
def test_no_tests_of_tests_nor_of_what_no_runner_is_known_for(path: str) -> None:
    assert find_conventions(path, "f", {path}, {path: ""}.get) is None


MODULES = [
    ("a.js", {}, False),
    ("a.js", {"package.json": '{"type": "module"}'}, True),
    ("a.cjs", {"package.json": '{"type": "module"}'}, False),
    ("a.mjs", {}, True),
    ("a.ts", {}, True),
    ("in/a.js", {"package.json": '{"type": "module"}', "in/package.json": "{}"}, False),
    ("a.js", {"b.js": "", "b.test.js": 'import b from "./b";\n'}, True),
    ("a.js", {"b.js": "", "b.test.js": 'const b = require("./b");\n'}, False),
]


@pytest.mark.parametrize(("path", "more", "is_module"), MODULES)
def test_module_kinds(path: str, more: dict[str, str], is_module: bool) -> None:
    files = {path: "", **more}
    found = find_conventions(path, "f", set(files), files.get)
    assert found is not None
    assert found.is_module is is_module


def test_examples_are_the_nearest_and_bounded() -> None:
    files = {
        "p/a.py": "",
        "p/b.py": "",
        "q/c.py": "",
        "tests/test_a.py": "import pytest\n" + "# long\n" * 2_000,
        "tests/test_b.py": PYTEST,
        "tests/test_c.py": PLAIN,
        "tests/test_d.py": PLAIN,
    }
    found = find_conventions("p/b.py", "f", set(files), files.get)
    assert found is not None
    assert [example.path for example in found.examples] == ["tests/test_b.py", "tests/test_a.py", "tests/test_c.py"]
    assert len(found.examples) == MAX_EXAMPLES
    assert all(len(example.text) <= MAX_EXAMPLE_CHARS and example.text.endswith("\n") for example in found.examples)


def test_few_files_of_a_large_project_are_read() -> None:
    files = {f"p{n % 50}/m{n}.py": "" for n in range(3_000)} | {f"tests/test_m{n}.py": PLAIN for n in range(1_000)}
    read: list[str] = []

    def note(path: str) -> str | None:
        read.append(path)
        return files.get(path)

    assert find_conventions("p1/m2001.py", "f", set(files), note) is not None
    assert len(set(read)) < 100


_PARTS = st.sampled_from(["src", "p", "q", "tests", "test", "unit", "__tests__"])
_NAMES = st.sampled_from(["a.py", "b.py", "test_a.py", "b_test.py", "a.ts", "a.test.ts", "b.js", "a.go", "a_test.go",
 "conftest.py",                          "package.json", "pyproject.toml", "go.mod"])  # fmt: skip
_PATHS = st.builds(lambda folders, name: "/".join([*folders, name]), st.lists(_PARTS, max_size=3), _NAMES)


@example(dict.fromkeys(["a.ts", "a.test.ts", "src/a.ts", "tests/a.ts", "test/a.ts"], ""))
@given(st.dictionaries(_PATHS, st.sampled_from(["", PYTEST, UNITTEST, VITEST, '{"type": 3, "scripts": []}', "[{"])))
def test_a_test_always_has_a_place_that_is_no_source(files: dict[str, str]) -> None:
    for path in sorted(files):
        found = find_conventions(path, "f", set(files), files.get)
        if found is None:
            continue
        assert found.path.startswith(f"{found.root}/" if found.root else "")
        assert found.is_new == (found.path not in files)
        assert find_conventions(found.path, "f", {*files, found.path}, files.get) is None
