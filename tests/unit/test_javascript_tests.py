"""Tests of JavaScript and TypeScript: how a file is reached, what an answer holds, what runners report."""

import json
import re
from dataclasses import replace

import pytest
from msgspec import structs

from lsp_server.errors import HearthlineError
from lsp_server.tests_for.commanding import Shot
from lsp_server.tests_for.framework import Verdict
from lsp_server.tests_for.javascript_answer import Style, read_answer
from lsp_server.tests_for.javascript_asserts import as_assert
from lsp_server.tests_for.javascript_exports import exported_as, specifier
from lsp_server.tests_for.javascript_reports import (
    read_node,
    read_standing_node,
    read_standing_suites,
    read_suites,
)
from lsp_server.tests_for.merge_javascript_imports import Atom

NODE = Style("javascript", "area", Atom("./area.js", "area", "area"), is_module=True, uses_expect=False,
             own={"node:test": ("test", "it"), "node:assert/strict": ("assert",)})  # fmt: skip
VITEST = Style("typescript", "area", Atom("./area", "default", "area"), {"vitest": ("test", "expect", "it", "vi")},
               is_module=True, uses_expect=True)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("export function area(n) {}", "area"),
        ("export async function* area(n) {}", "area"),
        ("export const area = (n) => n;", "area"),
        ("export abstract class area {}", "area"),
        ("export default function area(n) {}", "default"),
        ("function area(n) {}\nexport default area;", "default"),
        ("function area(n) {}\nexport { other, area as size };", "size"),
        ("function area(n) {}\nexport {\n  area,\n};", "area"),
        ("export { area } from './other';", None),
        ("function area(n) {}\nmodule.exports = { area, other };", "area"),
        ("function area(n) {}\nmodule.exports = { size: area };", "size"),
        ("module.exports = function area(n) {};", "default"),
        ("exports.area = (n) => n;", "area"),
        ("function area(n) {}\nexports.size = area;", "size"),
        ("function area(n) {}", None),
        ("export function areas(n) {}", None),
    ],
)
def test_what_is_exported(text: str, found: str | None) -> None:
    assert exported_as(text, "area") == found


@pytest.mark.parametrize(
    ("test", "path", "examples", "with_ending", "found"),
    [
        ("src/a.test.ts", "src/a.ts", "", False, "./a"),
        ("src/__tests__/a.js", "src/a.js", "", True, "../a.js"),
        ("test/unit/a.test.js", "lib/in/a.js", "", False, "../../lib/in/a"),
        ("a.test.ts", "a.ts", 'import b from "./b.js";', False, "./a.js"),
        ("a.test.ts", "a.ts", 'import b from "./b";', False, "./a"),
    ],
)
def test_how_a_test_names_a_file(test: str, path: str, examples: str, with_ending: bool, found: str) -> None:
    assert specifier(test, path, examples, with_ending=with_ending) == found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("expect(f(1)).toBe(2);", "assert.strictEqual(f(1), 2);"),
        ("expect(f(1)).toEqual({ a: [1] });", "assert.deepEqual(f(1), { a: [1] });"),
        ("expect(f(1)).not.toBe(2);", "assert.notStrictEqual(f(1), 2);"),
        ("expect(() => f(1)).toThrow();", "assert.throws(() => f(1));"),
        ("expect(f(1)).toBeTruthy();", "assert.ok(f(1));"),
        ("expect(f(1)).toMatchSnapshot();", "expect(f(1)).toMatchSnapshot();"),
        ("assert.ok(f(1));", "assert.ok(f(1));"),
    ],
)
def test_claims_said_with_assert(before: str, after: str) -> None:
    assert as_assert("javascript", before) == after


ANSWER = """\
Here are the tests:

```js
import { area } from "../wrong/area";
import helper from "some-package";

const SIDE = 2;
function double(n) {
  return n + n;
}

test("squares", () => {
  expect(area(SIDE)).toBe(4);
});
describe("area", () => {
  let side;
  beforeEach(() => {
    side = double(SIDE);
  });
  it("doubles", () => {
    assert.equal(area(side), 16);
  });
  it("calls nothing", () => {
    assert.ok(side);
  });
  it("claims nothing", () => {
    area(side);
  });
  it("squares", () => { assert.equal(area(3), 9); });
});
test("squares again", () => {
  expect(area(SIDE)).toBe(4);
});
test("is cut off", () => {
  assert.equal(area(
"""


def test_what_an_answer_holds() -> None:
    found = read_answer(ANSWER, NODE, {"taken"})
    assert [test.name for test in found.tests] == ["squares", "doubles", "squares (2)"]
    squares, doubles, _ = found.tests
    assert squares.text == 'test("squares", () => {\n  const SIDE = 2;\n  assert.strictEqual(area(SIDE), 4);\n});'
    assert squares.imports == (
        'import assert from "node:assert/strict";',
        'import { test } from "node:test";',
        'import { area } from "./area.js";',
    )
    lines = ["const SIDE = 2;", "function double(n) {", "let side;", "side = double(SIDE);", "area(side), 16"]
    assert [line in doubles.text for line in lines] == [True] * 5
    assert sorted(found.dropped) == [
        "claim nothing",
        "do not call `area`",
        "say what another one says",
        "were cut off or do not parse",
    ]


def test_each_style_imports_its_own() -> None:
    (test,) = read_answer('test("a", () => { expect(area(1)).toBe(1); });', VITEST, ()).tests
    assert test.imports == ('import { test, expect } from "vitest";', 'import area from "./area";')


def test_mocha_has_no_test_but_it() -> None:
    mocha = replace(NODE, own={"": ("it",), "node:assert/strict": ("assert",)}, is_module=False)
    (test,) = read_answer('test("a", () => { assert.equal(area(1), 1); });', mocha, ()).tests
    assert test.text.startswith('it("a"')
    assert test.imports == (
        'const assert = require("node:assert/strict");',
        'const { area } = require("./area.js");',
    )


def test_a_secret_in_a_test_is_dropped() -> None:
    secret = "ghp_" + "a8Kd93mXqLw02ZpRtYvBn47HsJcFeUgTiO15"
    found = read_answer(f'test("a", () => {{ assert.equal(area("{secret}"), 1); }});', NODE, ())
    assert found.tests == ()
    assert found.dropped == ("hold something that looks like a secret",)


@pytest.mark.parametrize(
    ("body", "is_kept"),
    [
        ('fs.writeFileSync("a", ""); expect(area(1)).toBe(1);', False),
        ('await rm("a"); expect(area(1)).toBe(1);', False),
        ('cp.execSync("a"); expect(area(1)).toBe(1);', False),
        ('await fetch("http://a"); expect(area(1)).toBe(1);', False),
        ("expect(area(1)).toBe(1); process.exit(0);", False),
        ('expect(area(/a/.exec("a").index)).toBe(0);', True),
        ("globalThis.fetch = vi.fn(); expect(area(fs.existsSync(1))).toBe(1);", True),
        ("fetched.fetch(1); expect(area(process.platform)).toBe(1);", True),
    ],
)
def test_what_reaches_out_is_dropped_where_nothing_watches_it(body: str, is_kept: bool) -> None:
    imports = 'import fs from "node:fs";\nimport { rm } from "fs/promises";\nimport cp from "child_process";\n'
    answer = f'{imports}test("a", async () => {{ {body} }});'
    found = read_answer(answer, VITEST, ())
    assert (len(found.tests) == 1) == is_kept
    assert found.dropped == (() if is_kept else ("reach for files, programs or the network",))
    assert len(read_answer(answer, NODE, ()).tests) == 1


def shot(told: str, code: int | None = 0, mutant: int | None = None) -> Shot:
    return Shot(("a",), mutant, code, told, "output", 0.1)


@pytest.mark.parametrize(
    ("told", "code", "verdict"),
    [
        ('{"verdict": "passed", "words": ""}\n{"lines": [1, 2]}', 0, Verdict.PASSED),
        ('{"verdict": "passed"}\n{"verdict": "failed", "words": "4 !== 5"}', 1, Verdict.FAILED),
        ('{"verdict": "forbidden", "words": "ran another program"}', 1, Verdict.FORBIDDEN),
        ('{"verdict": "skipped"}', 0, Verdict.SKIPPED),
        ('{"verdict": "passed"}', 7, Verdict.BROKEN),
        ("", 0, Verdict.BROKEN),
        ("rubbish\n[]\n{", 0, Verdict.BROKEN),
        ('{"verdict": "passed"}', None, Verdict.SLOW),
    ],
)
def test_what_node_reports(told: str, code: int | None, verdict: Verdict) -> None:
    (result,) = read_node(shot(told, code), {})
    assert result.verdict is verdict


def suites(*results: dict[str, object], status: str = "failed", message: str = "") -> str:
    return json.dumps({"testResults": [{"name": "/w/a.test.ts", "status": status, "message": message,
                                        "assertionResults": results}]})  # fmt: skip


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (suites({"status": "passed", "failureMessages": []}, status="passed"), Verdict.PASSED),
        (suites({"status": "failed", "failureMessages": ["AssertionError: expected 4 to be 5"]}), Verdict.FAILED),
        (suites({"status": "failed", "failureMessages": ["Error: \x1b[2mexpect(\x1b[22mreceived"]}), Verdict.FAILED),
        (suites({"status": "failed", "failureMessages": ["ReferenceError: nope"]}), Verdict.BROKEN),
        (suites({"status": "failed", "failureMessages": ["Error: EROFS: read-only"]}), Verdict.FORBIDDEN),
        (suites({"status": "pending"}, status="passed"), Verdict.SKIPPED),
        (suites(message="SyntaxError"), Verdict.BROKEN),
    ],
)
def test_what_vitest_and_jest_report(told: str, verdict: Verdict) -> None:
    (result,) = read_suites(shot(told, 1), {"/w/a.test.ts": "a"})
    assert result.verdict is verdict


def told(*lines: dict[str, object]) -> str:
    return "\n".join(map(json.dumps, lines))


@pytest.mark.parametrize(
    ("text", "code", "verdicts", "n_lines"),
    [
        (told({"name": "a", "verdict": "passed", "level": 1}, {"lines": [1, 2]}), 0, {"a": "passed"}, 2),
        (
            told({"name": "a", "verdict": "passed"}, {"name": "b", "verdict": "failed", "words": "no"}, {"lines": [1]}),
            1,
            {"a": "passed", "b": "failed"},
            0,
        ),
        (told({"name": "a", "verdict": "passed"}, {"name": "a", "verdict": "broken"}), 1, {"a": "broken"}, 0),
        (told({"name": "a", "verdict": "failed", "is_group": True}, {"name": "b", "verdict": "passed"}), 1,
         {"b": "passed"}, 0),
        (told({"name": "loading", "verdict": "broken", "words": "SyntaxError"}), 1, {"a": "broken", "b": "broken"}, 0),
        ("", None, {"a": "slow", "b": "slow"}, 0),
        ("", 1, {"a": "broken", "b": "broken"}, 0),
        ("", 0, {}, 0),
    ],
)  # fmt: skip
def test_what_node_reports_of_a_whole_file(text: str, code: int | None, verdicts: dict[str, str], n_lines: int) -> None:
    results = read_standing_node(structs.replace(shot(text, code), tests=("a", "b")))
    assert {result.test: str(result.verdict) for result in results} == verdicts
    assert all(len(result.lines) == n_lines for result in results)


def test_what_vitest_and_jest_report_of_a_whole_file() -> None:
    text = suites(
        {"title": "a", "status": "passed"},
        {"title": "b", "status": "failed", "failureMessages": ["AssertionError: expected 4 to be 5"]},
        {"title": "other", "status": "failed"},
    )
    results = read_standing_suites(structs.replace(shot(text, 1), tests=("a", "b", "gone")))
    assert [(result.test, result.verdict) for result in results] == [("a", Verdict.PASSED), ("b", Verdict.FAILED)]
    (result,) = read_standing_suites(shot(suites(message="SyntaxError"), 1))
    assert (result.verdict, result.words) == (Verdict.BROKEN, "SyntaxError")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "file:///w/cac.js:405\n  throw\n\nCACError: Unknown option `--x`\n    at Command\n\nNode.js v24",
            "Unknown option `--x`",
        ),
        ("\x1b[31m● Validation Error:\x1b[39m\n\n  Module ts-jest was not found.\n", "Module ts-jest was not found."),
        ("\n", "it says nothing of why"),
    ],
)
def test_a_program_that_does_not_start_is_no_fault_of_tests(output: str, reason: str) -> None:
    with pytest.raises(HearthlineError, match=f"does not start: .*{re.escape(reason)}"):
        read_suites(structs.replace(shot("", 1), output=output), {})
    assert read_suites(shot("", 1, mutant=3), {}) == []
    assert read_suites(shot("{}", 1), {}) == []


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        (
            'test("a", () => {\n  assert.equal(area(1), 1);\n  assert.equal(area(2), 4);\n  assert.equal(area(',
            ['test("a", () => {\n  assert.equal(area(1), 1);\n  assert.equal(area(2), 4);\n});'],
        ),
        (
            'test("a", () => { assert.equal(area(1), 1); });\ntest("b", () => {\n  assert.equal(area(2), 4);\n  ass',
            [
                'test("a", () => {\n  assert.equal(area(1), 1);\n});',
                'test("b", () => {\n  assert.equal(area(2), 4);\n});',
            ],
        ),
        (
            'describe("d", () => {\n  test("a", () => {\n    assert.equal(area(1), 1);\n    assert.eq',
            ['test("a", () => {\n  assert.equal(area(1), 1);\n});'],
        ),
        ('test("a", () => {\n  asse', []),
    ],
)
def test_a_test_that_was_cut_off_ends_behind_its_last_claim(answer: str, texts: list[str]) -> None:
    assert [test.text for test in read_answer(answer, NODE, ()).tests] == texts


def test_the_dots_of_the_form_are_no_title() -> None:
    answer = "".join(
        f'{call}("area ...", () => {{ assert.equal(area({n}), {n}); }});\n' for n, call in enumerate(("test", "it"))
    )
    assert [test.name for test in read_answer(answer, NODE, ()).tests] == ["area", "area (2)"]
