"""When prepared tests are shown, and for which lines they are prepared."""

import pytest

from lsp_server.features.testing_background import _changed_lines


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("abc", "abc", None),
        ("abc", "aXc", (1, 1)),
        ("abc", "aXYc", (1, 2)),
        ("abc", "ac", (1, 1)),
        ("abc", "abcd", (3, 3)),
        ("", "ab", (0, 1)),
        ("aaa", "aa", (2, 2)),
    ],
)
def test_changed_lines(before: str, after: str, lines: tuple[int, int] | None) -> None:
    found = _changed_lines(list(before), list(after))
    assert (None if found is None else (found.start.line, found.end.line)) == lines
