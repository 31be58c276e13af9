"""A proposal of an edit: what it puts in the place of what, and what makes it none that is worth a look. Pure."""

import re
from typing import NamedTuple

from lsp_server.review.finding import Place
from lsp_server.review.verdict import Fix

_SILENCES = re.compile(
    r"""\#\s*(?:noqa|nosec|type:\s*ignore|pyright:|pylint:|ruff:|flake8|mypy:|pragma:)|hearthline:\s*ignore
    |eslint-disable|@ts-(?:ignore|nocheck|expect-error)|biome-ignore|//\s*nolint|NOSONAR|@SuppressWarnings
    |\#pragma\s+warning|//\s*lint:ignore|rubocop:disable|\#!?\[allow\(|phpcs:ignore|@phpstan-ignore|NOLINT""",
    re.VERBOSE | re.IGNORECASE,
)
"""What makes a tool say nothing."""

_REMARK = re.compile(r"\s*(?:$|#|//|/\*|\*|--)")


class Replacement(NamedTuple):
    r"""`text`, its lines ending in `\n`, takes the place of what stands at `place`."""

    place: Place
    text: str


class Refused(NamedTuple):
    """A proposal that does not count. words: why, to be read behind "the proposal"."""

    words: str


def applied(text: str, replacement: Replacement) -> str:
    r"""Return `text`, its lines ending in `\n`, with `replacement` in it."""
    (line, column, end_line, end_column), new = replacement
    lines = text.split("\n")
    head = "\n".join([*lines[:line], lines[line][:column]])
    return head + new + "\n".join([lines[end_line][end_column:], *lines[end_line + 1 :]])


def silences(text: str) -> int:
    """Count the marks in `text` that make a tool say nothing."""
    return len(_SILENCES.findall(text))


def takes_code_away(fix: Fix) -> bool:
    """Tell whether nothing but remarks is put in the place of what stands there."""
    old = {line.strip() for line in fix.old_text.split("\n")}
    return all(_REMARK.match(line) or line.strip() in old for line in fix.new_text.split("\n"))
