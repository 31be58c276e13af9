"""Node's test runner and `go test` in the real sandbox: what becomes of tests that are good, wrong, or reach out."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from lsp_server.context.subject import subject_at
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.errors import HearthlineError
from lsp_server.tests_for.framework import Result, Verdict
from lsp_server.tests_for.listing import Listing
from lsp_server.tests_for.loading import require_loading
from lsp_server.tests_for.merge import merged
from lsp_server.tests_for.mutants import mutants_of
from lsp_server.tests_for.planning import Plan, make_plan
from lsp_server.tests_for.running import Runner
from lsp_server.tests_for.sandbox import find_sandbox
from lsp_server.tests_for.standing import Standing, run_standing
from lsp_server.tests_for.suggest import suggest

pytestmark = [pytest.mark.anyio, pytest.mark.machine, pytest.mark.sandbox]

AREA = """\
import { two } from "./two.js";

export function area(n) {
  if (n < 0) {
    throw new RangeError("negative");
  }
  return n ** two;
}
"""
ANSWER = """\
```js
import fs from "node:fs";
test("squares", () => {
  assert.equal(area(2), 4);
  assert.equal(area(3), 9);
});
test("throws", () => { assert.throws(() => area(-1), RangeError); });
test("wrong", () => { assert.equal(area(2), 5); });
test("writes", () => { fs.writeFileSync("x.txt", "a"); assert.equal(area(1), 1); });
test("fetches", async () => { await fetch("http://localhost"); assert.equal(area(1), 1); });
test("connects", async () => {
  const net = await import("node:net");
  net.connect(1, "127.0.0.1").on("error", () => {});
  assert.equal(area(1), 1);
});
test("runs", async () => {
  const { execSync } = await import("node:child_process");
  execSync("true");
  assert.equal(area(1), 1);
});
test("opens", () => { fs.closeSync(fs.openSync("y.txt", "w")); assert.equal(area(1), 1); });
test("exits", () => { assert.ok(area(1)); process.exit(0); });
test("unknown", () => { assert.ok(area(nope)); });
```
"""
STANDING = """\
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { area } from "./area.js";

describe("area", () => {
  it("squares", () => {
    assert.equal(area(3), 9);
  });
});
"""
GO_STANDING = """\
package shapes

import "testing"

func TestAreaOfTwo(t *testing.T) {
\tif Area(2) != 4 {
\t\tt.Error("two")
\t}
}

func TestAreaIsWrong(t *testing.T) {
\tif Area(2) != 5 {
\t\tt.Error("wrong")
\t}
}
"""
GO = """\
package shapes

func Area(n int) int {
	if n < 0 {
		panic("negative")
	}
	return n * n
}
"""
GO_ANSWER = """\
```go
package shapes

import (
	"errors"
	"testing"
)

func TestArea(t *testing.T) {
	if got := Area(2); got != 4 {
		t.Errorf("got %d", got)
	}
}

func TestAreaWrong(t *testing.T) {
	if got := Area(2); got != 5 {
		t.Errorf("got %d", got)
	}
}

func TestAreaDoesNotCompile(t *testing.T) {
	var s string = Area(2)
	t.Error(s)
}

func TestAreaWrites(t *testing.T) {
	os.WriteFile("x", nil, 0)
	t.Error(Area(1))
}
```
"""


def plan_of(folder: Path, path: str, line: int, language_id: str) -> Plan:
    text = (folder / path).read_text()
    subject = subject_at(language_id, text, line, line)
    assert subject is not None
    return make_plan(subject, path, text, folder, Listing(folder, path, (), {}))


def runner_of(plan: Plan) -> Runner:
    return Runner(plan.target, plan.framework, find_sandbox())


async def standing_of(plan: Plan) -> Standing:
    mutants = mutants_of(plan.target.text, plan.target.subject, plan.framework.most_mutants)
    return await run_standing(runner_of(plan), mutants, budget_s=200.0)  # Go compiles all, on a busy machine too


async def results_of(plan: Plan, answer: str) -> tuple[dict[str, Result], Sequence[Result]]:
    """Return how the tests in `answer` went against the code as it is, and against its mutants."""
    runner = runner_of(plan)
    tests = plan.framework.read(answer, plan.target, ()).tests
    base = {result.test: result for result in await runner.run(tests)}
    good = [test for test in tests if base[test.name].verdict is Verdict.PASSED]
    mutants = mutants_of(plan.target.text, plan.target.subject, plan.framework.most_mutants)
    return base, [result for result in await runner.run(good, mutants) if result.mutant is not None]


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
async def test_node(hearthline_home: Path, tmp_path: Path) -> None:
    (hearthline_home / "run").mkdir(mode=0o700)
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "src" / "two.js").write_text("export const two = 2;\n")
    (folder / "src" / "area.js").write_text(AREA)
    plan = plan_of(folder, "src/area.js", 3, "javascript")
    assert (plan.framework.name, plan.target.test_path) == ("node:test", "src/area.test.js")
    assert 'import { area } from "./area.js";' in plan.framework.rules(plan.target)
    base, against = await results_of(plan, ANSWER)
    assert {name: result.verdict for name, result in base.items()} == {
        "squares": Verdict.PASSED,
        "throws": Verdict.PASSED,
        "wrong": Verdict.FAILED,
        "writes": Verdict.FORBIDDEN,
        "fetches": Verdict.FORBIDDEN,
        "connects": Verdict.FORBIDDEN,
        "runs": Verdict.FORBIDDEN,
        "opens": Verdict.FORBIDDEN,
        "exits": Verdict.BROKEN,
        "unknown": Verdict.BROKEN,
    }
    assert base["writes"].words == "wrote outside their temporary folder"  # what a tally says that "they" did
    assert base["squares"].lines >= {3, 6}
    assert 4 not in base["squares"].lines
    assert 4 in base["throws"].lines
    assert "5" in base["wrong"].words
    noticed = {result.test for result in against if result.verdict in (Verdict.FAILED, Verdict.BROKEN)}
    assert noticed == {"squares", "throws"}
    assert sorted(path.name for path in folder.rglob("*")) == ["area.js", "package.json", "src", "two.js"]
    (folder / "src" / "area.test.js").write_text(STANDING)
    told = await standing_of(plan_of(folder, "src/area.js", 3, "javascript"))
    assert told.lines >= {3, 6}
    assert 4 not in told.lines
    assert told.kills
    assert told.note == ""
    tests = plan.framework.read(ANSWER, plan.target, ()).tests
    assert "import assert" in merged(plan.language_id, None, tests[:1], head=plan.head)


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
async def test_what_node_gives_is_stated(hearthline_home: Path, tmp_path: Path) -> None:
    (hearthline_home / "run").mkdir(mode=0o700)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "area.js").write_text(
        "/** The area, as text; `area(1)` returns '1.' */\n"
        "export function area(n) {\n  return { text: `${n * n}`, sides: [n, n] };\n}\n"
    )
    wrong = """\
test("is 5 for 2", () => {
  const wanted = { text: "5", sides: [] };
  // five
  assert.deepEqual(area(2), wanted);
});
test("throws", () => { assert.throws(() => area(2)); });
"""
    plan = plan_of(tmp_path, "area.js", 2, "javascript")
    engine = ScriptedEngine([Rule("", reply=f"```js\n{wrong}```")])
    suggestion = await suggest(plan.target, plan.framework, engine, find_sandbox(), lambda *_: None)
    (kept,) = suggestion.kept
    assert kept.text == (
        "// States what `area` does now: check it.\n"
        'test("area, as it is", () => {\n'
        '  assert.deepStrictEqual(area(2), { text: "4", sides: [2, 2] });\n'
        "});"
    )
    assert suggestion.tally.stated == 1
    assert "claim what is not so" in suggestion.tally.dropped


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
async def test_what_node_cannot_load_says_why(hearthline_home: Path, tmp_path: Path) -> None:
    (hearthline_home / "run").mkdir(mode=0o700)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "area.js").write_text("export function area(n) {\n  return n * n;\n}\n")
    runner = runner_of(plan_of(tmp_path, "area.js", 1, "javascript"))
    await require_loading(runner)
    (tmp_path / "area.js").write_text('import "no-such-package";\nexport function area(n) {\n  return n * n;\n}\n')
    runner = runner_of(plan_of(tmp_path, "area.js", 2, "javascript"))
    with pytest.raises(HearthlineError, match=r"area\.js cannot be loaded by .*node: .*'no-such-package'"):
        await require_loading(runner)


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
async def test_mocha(hearthline_home: Path, tmp_path: Path) -> None:
    (hearthline_home / "run").mkdir(mode=0o700)
    (tmp_path / "package.json").write_text('{"devDependencies": {"mocha": "*"}}')
    (tmp_path / "area.js").write_text("module.exports.area = function area(n) {\n  return n * n;\n};\n")
    plan = plan_of(tmp_path, "area.js", 1, "javascript")
    assert 'it("area ...", () => {' in plan.framework.rules(plan.target)
    base, _ = await results_of(plan, 'test("squares", () => { assert.equal(area(3), 9); });')
    assert [result.verdict for result in base.values()] == [Verdict.PASSED]


async def test_what_cannot_be_tested_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "area.js").write_text("function area(n) {\n  return n;\n}\n")
    (tmp_path / "area.ts").write_text("export function area(n) {\n  return n;\n}\n")
    (tmp_path / "area.go").write_text(GO)
    monkeypatch.setenv("PATH", str(tmp_path))
    for path, language_id, words in [
        ("area.js", "javascript", r"no Node\.js on the PATH"),
        ("area.go", "go", "no Go on the PATH"),
    ]:
        with pytest.raises(HearthlineError, match=words):
            plan_of(tmp_path, path, 4 if language_id == "go" else 1, language_id)


@pytest.mark.parametrize(
    ("version", "is_new"), [("20.20.2", False), ("22.17.1", False), ("22.18.0", True), ("24.0.0", True)]
)
async def test_typescript_is_refused_by_an_old_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, is_new: bool
) -> None:
    place = tmp_path / "bin"
    place.mkdir()
    (place / "node").write_text(f"#!/bin/sh\necho {place}/node\necho {version}\n")
    (place / "node").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "area.ts").write_text("export function area(n: number) {\n  return n;\n}\n")
    if is_new:
        assert plan_of(folder, "area.ts", 1, "typescript").framework.name == "node:test"
    else:
        with pytest.raises(HearthlineError, match=r"\.ts tests need vitest or jest in the project, or Node\.js 22\.18"):
            plan_of(folder, "area.ts", 1, "typescript")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
async def test_what_is_not_exported_or_installed_is_said(tmp_path: Path) -> None:
    (tmp_path / "area.js").write_text("function area(n) {\n  return n;\n}\n")
    with pytest.raises(HearthlineError, match=r"`area` is not exported by area\.js"):
        plan_of(tmp_path, "area.js", 1, "javascript")
    (tmp_path / "area.js").write_text("export function area(n) {\n  return n;\n}\n")
    (tmp_path / "package.json").write_text('{"devDependencies": {"vitest": "*"}}')
    with pytest.raises(HearthlineError, match="vitest is not installed in this project"):
        plan_of(tmp_path, "area.js", 1, "javascript")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
async def test_a_node_of_the_workspace_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "area.js").write_text("export function area(n) {\n  return n;\n}\n")
    (tmp_path / "node").write_text(f"#!/bin/sh\ntouch {tmp_path}/executed\n")
    (tmp_path / "node").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    plan = plan_of(tmp_path, "area.js", 1, "javascript")
    trial = plan.framework.trial(plan.target, (), (), tmp_path, 0)
    assert json.loads(trial.files["job.json"])["command"][0] != str(tmp_path / "node")
    assert not (tmp_path / "executed").exists()


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go here")
async def test_go(hearthline_home: Path, tmp_path: Path) -> None:
    (hearthline_home / "run").mkdir(mode=0o700)
    (tmp_path / "go.mod").write_text("module example.com/shapes\n\ngo 1.20\n")
    (tmp_path / "area.go").write_text(GO)
    (tmp_path / "other_test.go").write_text('package shapes\n\nimport "testing"\n\nfunc TestArea(t *testing.T) {}\n')
    plan = plan_of(tmp_path, "area.go", 3, "go")
    assert (plan.head, plan.taken) == ("package shapes\n", frozenset({"TestArea"}))
    base, against = await results_of(plan, GO_ANSWER)
    assert {name: result.verdict for name, result in base.items()} == {
        "TestArea_2": Verdict.PASSED,
        "TestAreaWrong": Verdict.FAILED,
        "TestAreaDoesNotCompile": Verdict.BROKEN,
    }
    assert "cannot use" in base["TestAreaDoesNotCompile"].words
    assert any(result.verdict in (Verdict.FAILED, Verdict.BROKEN) for result in against)
    (tmp_path / "area_test.go").write_text(GO_STANDING)
    told = await standing_of(plan_of(tmp_path, "area.go", 3, "go"))
    assert told.kills
    assert told.note == "1 of the 2 tests there are did not pass, and did not count"
    (tmp_path / "area_test.go").unlink()
    await require_loading(runner_of(plan))
    (tmp_path / "area.go").write_text(GO.replace("package shapes\n", 'package shapes\n\nimport _ "no.such/package"\n'))
    with pytest.raises(HearthlineError, match=r"area\.go cannot be loaded by .*/go: .*no\.such/package"):
        await require_loading(runner_of(plan_of(tmp_path, "area.go", 5, "go")))
