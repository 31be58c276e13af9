"""Lines that call a name, and what they stand in."""

import pytest

from lsp_server.context.calls import Called, caller_of, calls_in


@pytest.mark.parametrize(
    "line",
    [
        "    return mean(values)",
        "x = statistics.mean (values)",
        "@mean",
        "@statistics.mean",
        "let m = mean!(1, 2);",
        "mean::<f64>(values)",
        "mean<number>(values)",
        "if not mean(",
        "$object->mean($values);",
    ],
)
def test_a_call_is_found(line: str) -> None:
    text = f"first\n{line}\nlast"
    assert list(calls_in(text, "mean")) == [Called(1, line.strip(), len(line) - len(line.lstrip()))]


@pytest.mark.parametrize(
    "line",
    [
        "mean_of(values)",
        "geometric_mean(values)",
        "$mean(values)",
        "mean = 3",
        "from statistics import mean",
        "# mean(values)",
        "// mean(values)",
        " * mean(values)",
        "Mean(values)",
        "return mean",
    ],
)
def test_what_only_looks_like_a_call(line: str) -> None:
    assert list(calls_in(line, "mean")) == []


@pytest.mark.parametrize(
    ("line", "indentation", "expected"),
    [(5, 8, "inner"), (5, 4, "outer"), (5, 0, ""), (3, 8, "inner"), (2, 4, "outer"), (0, 0, ""), (9, 4, "last")],
)
def test_what_a_line_stands_in(line: int, indentation: int, expected: str) -> None:
    definitions = [(1, "outer"), (2, "inner"), (8, "last")]
    assert caller_of(line, indentation, definitions, {1: 0, 2: 4, 8: 0}) == expected
