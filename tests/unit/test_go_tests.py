"""Tests of Go: what an answer holds, what is claimed, what `go test` reports."""

import json
from pathlib import Path

import pytest

from lsp_server.context.subject import subject_at
from lsp_server.tests_for.commanding import Shot
from lsp_server.tests_for.framework import Verdict
from lsp_server.tests_for.go import Go, GoFramework, _results
from lsp_server.tests_for.go_answer import claims_in, read_answer
from lsp_server.tests_for.target import Target

ANSWER = """\
```go
package shapes

import (
\t"errors"
\t"strings"
\t"testing"
)

func helper() int { return 2 }

func TestArea(t *testing.T) {
\tif got := Area(2); got != 4 {
\t\tt.Errorf("got %v", got)
\t}
\tif strings.Contains("a", "b") {
\t\tt.Fatal(Area(1))
\t}
}

func TestTaken(t *testing.T) {
\tif Area(3) != 9 {
\t\tt.Fail()
\t}
}

func TestNothing(t *testing.T) {
\tArea(3)
}

func TestOther(t *testing.T) {
\tt.Fatal(Other())
}

func TestHelper(t *testing.T) {
\tt.Fatal(Area(helper()))
}

func TestFiles(t *testing.T) {
\tos.Remove("x")
\tt.Fatal(Area(1))
}

func TestCut(t *testing.T) {
\tif Area(
"""


def test_what_an_answer_holds() -> None:
    found = read_answer(ANSWER, "Area", {"TestTaken"})
    assert [test.name for test in found.tests] == ["TestArea", "TestTaken_2"]
    assert found.tests[0].imports == ('import "strings"', 'import "testing"')
    assert "func TestTaken_2(" in found.tests[1].text
    assert set(found.dropped) >= {
        "claim nothing",
        "do not call `Area`",
        "need more than they say",
        "reach for files, programs or the network",
    }
    assert claims_in(found.tests[0].text) == ((1, 3), (4, 6))


def shot(*events: tuple[str, str, str], code: int | None = 0, mutant: int | None = None) -> Shot:
    lines = [json.dumps({"Action": action, "Test": test, "Output": output}) for action, test, output in events]
    return Shot(("TestA", "TestB"), mutant, code, "", "\n".join(["rubbish", *lines]), 0.1)


def test_what_go_reports() -> None:
    told = shot(("output", "TestA", "got 4"), ("fail", "TestA", ""), ("pass", "TestB", ""), code=1)
    assert [(result.test, result.verdict, result.words) for result in _results(told)] == [
        ("TestA", Verdict.FAILED, "got 4"),
        ("TestB", Verdict.PASSED, ""),
    ]
    panicked = shot(("output", "TestA", "panic: no"), ("fail", "TestA", ""), code=2)
    assert [result.verdict for result in _results(panicked)] == [Verdict.BROKEN, Verdict.BROKEN]


def test_a_mutant_that_does_not_compile_tells_nothing() -> None:
    assert _results(shot(code=1, mutant=0)) == []


@pytest.mark.parametrize("has_cache", [True, False])
def test_what_was_built_before_is_read_where_go_can_start_with_it(tmp_path: Path, has_cache: bool) -> None:
    if has_cache:
        (tmp_path / "cache" / "ff").mkdir(parents=True)
    go = Go(Path("/go/bin/go"), Path("/go"), tmp_path / "cache", tmp_path / "modules", "1")
    subject = subject_at("go", "package a\n\nfunc Area(n int) int {\n\treturn n\n}\n", 2, 2)
    assert subject is not None
    target = Target(subject, tmp_path, "a.go", "", "a_test.go")
    trial = GoFramework(go, "package a", frozenset()).trial(target, (), (), tmp_path / "scratch", 0)
    cache = tmp_path / "cache" if has_cache else tmp_path / "scratch" / "tmp" / "go-build"
    assert trial.environment["GOCACHE"] == str(cache)
    assert trial.environment["CGO_ENABLED"] == "1"
    assert (tmp_path / "cache" in trial.readable) == has_cache
