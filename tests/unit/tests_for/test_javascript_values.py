"""Claims of scripts that compare with a literal, and what is made of them."""

import pytest

from lsp_server.tests_for.framework import TestCode
from lsp_server.tests_for.javascript_source import spread, without_leftovers
from lsp_server.tests_for.javascript_values import comparisons_in, literal_in, probe, stated


def written(*lines: str, title: str = "squares") -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f'test("{title}", () => {{\n{body}\n}});'


@pytest.mark.parametrize(
    ("lines", "actual"),
    [
        (["assert.equal(area(2), 5);"], "area(2)"),
        (["assert.deepStrictEqual([1, 2], area(2));"], "area(2)"),
        (["assert.equal(area(2).size, 5);"], "area(2).size"),
        (["assert(area(2) === 5);"], "area(2)"),
        (["assert.ok(area(2));"], "area(2)"),
        (["assert.ok(!area(2));"], "area(2)"),
        (["expect(area(2)).toBe(-5);"], "area(2)"),
        (["expect(new Shape(1).area(2)).toEqual({ a: [1, 'b'] });"], "new Shape(1).area(2)"),
        (["expect(area(2)).toBeNull();"], "area(2)"),
        (["const found = area(2);", "expect(found).toBe(5);"], "found"),
        (["const found = area(2);", "const wanted = [5];", "expect(found).toEqual(wanted);"], "found"),
        (["assert.equal(await area(2), `5`);"], "await area(2)"),
        (["expect(area(2)).not.toBe(5);"], None),
        (["expect(area(2)).toBe(other);"], None),
        (["expect(other(2)).toBe(5);"], None),
        (["expect(area(2)).toBe(`${x}`);"], None),
        (["expect(area(2)).toBeGreaterThan(5);"], None),
        (["assert.throws(() => area(2), RangeError);"], None),
        (["assert.ok(area(2) > 5);"], None),
        (["assert.ok(Array.isArray(area(2)));"], None),
        (["let wanted = 5;", "wanted += 1;", "expect(area(2)).toBe(wanted);"], None),
        (["for (const n of [1]) {", "  expect(area(n)).toBe(5);", "}"], None),
    ],
)
def test_what_is_compared_with_a_literal(lines: list[str], actual: str | None) -> None:
    found = comparisons_in("typescript", written(*lines), "area")
    assert [each.actual for each in found] == ([] if actual is None else [actual])


@pytest.mark.parametrize(
    ("words", "literal"),
    [
        ("Error: hearthline saw: 4\n    at x", "4"),
        ("Error: hearthline saw: -0\n", "-0"),
        ('hearthline saw: { "a": [1, null], "b": "x" }', '{ "a": [1, null], "b": "x" }'),
        ("hearthline saw: NaN", "NaN"),
        ("hearthline saw: undefined", "undefined"),
        ("hearthline saw: ?", None),
        ("hearthline saw: [1, ?]", None),
        ("hearthline saw: 0.30000000000000004", None),
        ("hearthline saw: 0.5", "0.5"),
        ("hearthline saw: process.exit()", None),
        ("hearthline saw: 4), process.exit(", None),
        ("hearthline saw: " + "1" * 200, None),
        ('hearthline saw: "ghp_' + "a1B2" * 9 + '"', None),
        ("hearthline saw: 4\nhearthline saw: 5", None),
        ("something else", None),
    ],
)
def test_what_a_probe_tells(words: str, literal: str | None) -> None:
    assert literal_in(words) == literal


def test_a_probe_tells_one_value() -> None:
    test = TestCode("squares", written("const n = 2;", "expect(area(n)).toBe(5);", "expect(area(3)).toBe(9);"))
    first, second = comparisons_in("typescript", test.text, "area")
    told = probe("typescript", test, first, 0)
    assert told.name == "squares saw 0"
    assert "const n = 2;" in told.text
    assert "expect(" not in told.text
    assert told.text.count("(area(n))") == 1
    assert "(v: any)" in told.text
    assert "(v)" in probe("javascript", test, second, 1).text


def test_what_is_stated_says_nothing_of_what_was_expected() -> None:
    lines = (
        "// four, as it should be",
        "const wanted = 5;",
        "const other = [1];",
        "expect(area(2)).toBe(wanted);",
        "expect(area(3)).toEqual(other); // nine",
        "expect(area(n)).toBe(0);",
        "expect(area(0)).toBe(x);",
    )
    test = TestCode("returns 5", written(*lines, title="returns 5"))
    first, second, _ = comparisons_in("javascript", test.text, "area")
    new = stated("javascript", test, {first: "4", second: "[9]"}, "area")
    assert (
        new.text == 'test("area, as it is", () => {\n  expect(area(2)).toBe(4);\n  expect(area(3)).toEqual([9]);\n});'
    )
    assert (new.name, new.is_stated) == ("area, as it is", True)
    node = TestCode("of a square", written("assert.equal(area(2), 5);", title="of a square"))
    (only,) = comparisons_in("javascript", node.text, "area")
    assert stated("javascript", node, {only: "4"}, "area").text == (
        'test("of a square, as it is", () => {\n  assert.strictEqual(area(2), 4);\n});'
    )


def test_a_test_on_one_line_is_spread() -> None:
    assert spread("javascript", 'it("a", () => { const n = 1; expect(f(n)).toBe(2); });') == (
        'it("a", () => {\n  const n = 1;\n  expect(f(n)).toBe(2);\n});'
    )
    for text in ('it("a", () => {});', 'it("a", () => f(1));', 'it("a", () => {\n  f(1);\n});'):
        assert spread("javascript", text) == text


def test_what_nothing_reads_any_more_is_left_out() -> None:
    before = written("// a remark", "const a = 1;", "const b = a;", "const kept = 2;", "const { c } = d;", "f(b);")
    after = before.replace("\n  f(b);", "")
    assert without_leftovers("javascript", after, before) == written("const kept = 2;", "const { c } = d;")
