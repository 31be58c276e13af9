"""Tests suggested in projects of vitest, jest and Node with TypeScript, each of them real: what lands in the file
is kept for good reasons, and passes when the project's own runner runs it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.e2e.test_fixes import SERVER, Editor, edited
from tests.lsp_client import LspClient
from tests.programs import (
    PACKAGES,
    ProgramUnavailableError,
    find_modules,
    find_node,
    take_modules,
)
from tests.testing_editor import editing

pytestmark = [pytest.mark.programs, pytest.mark.sandbox]

_RUN_S = 280

AREA = """\
import {{ two }} from "./two{ending}";

export function area(n{number}){number} {{
  if (n < 0) {{
    throw new RangeError("negative");
  }}
  return n ** two;
}}
"""
COMMON = """\
const { two } = require("./two");

function area(n) {
  if (n < 0) {
    throw new RangeError("negative");
  }
  return n ** two;
}

module.exports = { area };
"""
EXPECTING = """\
```js
test("squares a side", () => {
  expect(area(3)).toBe(9);
});
test("refuses a negative side", () => {
  expect(() => area(-1)).toThrow(RangeError);
});
test("is wrong", () => {
  expect(area(2)).toBe(5);
});
test("knows a name that is not there", () => {
  expect(area(nope)).toBe(4);
});
test("writes to the project", () => {
  const fs = process.getBuiltinModule("fs");
  fs["appendFile" + "Sync"]("PROJECT/package.json", " ");
  expect(area(1)).toBe(1);
});
```
"""
ASSERTING = """\
```ts
test("squares a side", () => {
  const side: number = 3;
  assert.equal(area(side), 9);
});
test("refuses a negative side", () => {
  assert.throws(() => area(-1), RangeError);
});
test("is wrong", () => {
  assert.equal(area(2), 5);
});
```
"""


def had(find: Callable[..., Path], *words: str) -> Path:
    """Return what `find` finds; skip the test where that cannot be had."""
    try:
        return find(*words)
    except ProgramUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a new Node, the first on PATH."""
    folder = had(find_node)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder / "node"


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def suggested(home: Path, folder: Path, path: str, line: int, language_id: str) -> str:
    """Have tests suggested for what stands on a line; return what was said, with the files on the disk."""
    with editing(home, folder) as editor:
        editor.open(path, language_id=language_id)
        editor.run(editor.suggestion(path, line))
        (words,) = editor.said()
        return words


def said_by(folder: Path, *command: str | Path) -> str:
    """Run the project's own runner; return what it says. Fails the test where it fails."""
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_RUN_S, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def versions(name: str) -> Sequence[tuple[str, str]]:
    return [(name, version) for version in PACKAGES[name]]


@pytest.mark.parametrize(("name", "version"), [*versions("vitest"), *versions("jest")])
def test_tests_of_a_package(hearthline_home: Path, tmp_path: Path, node: Path, name: str, version: str) -> None:
    folder = tmp_path / "project"
    is_jest = name == "jest"
    kind, ending, language_id = ("commonjs", "js", "javascript") if is_jest else ("module", "ts", "typescript")
    manifest = f'{{"type": "{kind}", "devDependencies": {{"{name}": "{version}"}}}}'
    two = "exports.two = 2;\n" if is_jest else "export const two = 2;\n"
    source = COMMON if is_jest else AREA.format(ending="", number=": number")
    write(folder, **{"package.json": manifest, f"src/two.{ending}": two, f"src/area.{ending}": source})
    take_modules(had(find_modules, name, version), folder)
    (hearthline_home / "reply.md").write_text(EXPECTING.replace("PROJECT", str(folder)))
    words = suggested(hearthline_home, folder, f"src/area.{ending}", 3, language_id)
    assert words.startswith("2 tests for `area` kept, of "), words
    assert "because they did what the sandbox refuses" in words
    assert (folder / "package.json").read_text() == manifest
    test = folder / f"src/area.test.{ending}"
    text = test.read_text()
    assert 'test("squares a side"' in text
    assert 'test("refuses a negative side"' in text
    assert text.count("test(") == 2
    entry = "node_modules/jest/bin/jest.js" if is_jest else "node_modules/vitest/vitest.mjs"
    said = said_by(folder, node, entry, *(() if is_jest else ("run",)))
    assert "2 passed" in said


@pytest.mark.parametrize("name", ["vitest", "jest"])
def test_what_the_code_gives_is_stated(hearthline_home: Path, tmp_path: Path, node: Path, name: str) -> None:
    folder, version = tmp_path / "project", PACKAGES[name][0]
    write(
        folder,
        **{
            "package.json": f'{{"devDependencies": {{"{name}": "{version}"}}}}',
            "area.js": "function area(n) {\n  return { n: n * n };\n}\n\nmodule.exports = { area };\n",
        },
    )
    take_modules(had(find_modules, name, version), folder)
    (hearthline_home / "reply.md").write_text('test("is 5", () => { expect(area(2)).toEqual({ n: 5 }); });')
    words = suggested(hearthline_home, folder, "area.js", 0, "javascript")
    assert words.startswith("1 test for `area` kept, of 1 tried; it states what the code does now"), words
    text = (folder / "area.test.js").read_text()
    assert 'test("area, as it is", () => {\n  expect(area(2)).toEqual({ n: 4 });\n});' in text
    entry = "node_modules/jest/bin/jest.js" if name == "jest" else "node_modules/vitest/vitest.mjs"
    assert "1 passed" in said_by(folder, node, entry, *(() if name == "jest" else ("run",)))


STANDING = """
describe("area", () => {
  it("squares", () => {
    expect(area(3)).toBe(9);
  });

  it("knows no side", () => {
    expect(area(0)).toBe(0);
  });
});
"""
IMPORTS = {
    "vitest": 'import { describe, expect, it } from "vitest";\nimport { area } from "./area.js";\n',
    "jest": 'const { area } = require("./area");\n',
}


@pytest.mark.parametrize(("name", "version"), [*versions("vitest"), *versions("jest")])
@pytest.mark.usefixtures("node")
def test_a_failing_test_of_a_package_is_mended(name: str, version: str) -> None:
    home = Path(tempfile.mkdtemp(prefix="hl-"))
    is_jest = name == "jest"
    kind, ending, language_id = ("commonjs", "js", "javascript") if is_jest else ("module", "ts", "typescript")
    broken = (COMMON if is_jest else AREA.format(ending="", number=": number")).replace("n ** two", "n * two")
    write(
        home / "project",
        **{
            "package.json": f'{{"type": "{kind}", "devDependencies": {{"{name}": "{version}"}}}}',
            f"two.{ending}": "exports.two = 2;\n" if is_jest else "export const two = 2;\n",
            f"area.{ending}": broken,
        },
    )
    take_modules(had(find_modules, name, version), home / "project")
    right = next(part for part in broken.replace("n * two", "n ** two").split("\n\n") if "function area" in part)
    with LspClient(home, SERVER) as client:
        editor = Editor(client, home / "project", workspace={"trusted": True})
        uri = editor.show(IMPORTS[name] + STANDING, language_id=language_id, name=f"area.test.{ending}")
        where = {"start": {"line": 5, "character": 0}, "end": {"line": 5, "character": 0}}
        params = {"textDocument": {"uri": uri}, "range": where, "context": {"diagnostics": [], "only": ["quickfix"]}}
        (action,) = client.call("textDocument/codeAction", params)
        assert action["title"] == "Fix failing test `squares`"
        hidden = right.replace("n ** two", "9")
        client.call("probe/answers", {"answers": [hidden, right]})
        client.call("workspace/executeCommand", action["command"])
        (made,) = editor.applied
        assert edited(broken, made) == broken.replace("n * two", "n ** two")
        first, second = editor.asked()
        assert "expected 6 to be 9" in first["messages"][1] or "Received: 6" in first["messages"][1]
        assert "makes `knows no side` fail" in second["messages"][3]
    shutil.rmtree(home)


def test_typescript_is_run_by_a_new_node(hearthline_home: Path, tmp_path: Path, node: Path) -> None:
    folder = tmp_path / "project"
    source = AREA.format(ending=".ts", number=": number")
    write(
        folder, **{"package.json": '{"type": "module"}', "two.ts": "export const two: number = 2;\n", "area.ts": source}
    )
    (hearthline_home / "reply.md").write_text(ASSERTING)
    words = suggested(hearthline_home, folder, "area.ts", 3, "typescript")
    assert words.startswith("2 tests for `area` kept, of "), words
    text = (folder / "area.test.ts").read_text()
    assert 'import { area } from "./area.ts";' in text
    assert "pass 2" in said_by(folder, node, "--test")
