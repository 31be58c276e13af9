"""What of a file a model is shown to mend something in it. Pure.

Invariants: an excerpt is made of whole lines of the file, in their order, and knows which they are, so that what a
model quotes of it has a place; it never exceeds the bound, however large the function is.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lsp_server.review.finding import Place
from lsp_server.review.slices import GAP, import_lines

MAX_CHARS = 6_000
_LINES_AROUND = 12


class Part(NamedTuple):
    r"""Lines that follow each other. first_line: 0-based. text: they, without the end of the last one, between `\n`."""

    first_line: int
    text: str

    def place(self, start: int, end: int) -> Place:
        """Return where the characters from `start` to `end` of `text` stand in the file."""
        return Place(*self._position(start), *self._position(end))

    def _position(self, offset: int) -> tuple[int, int]:
        before = self.text[:offset]
        return self.first_line + before.count("\n"), offset - before.rfind("\n") - 1


class Excerpt(NamedTuple):
    """Parts of a file, none of which touch."""

    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """What is shown."""
        return f"\n{GAP}\n".join(part.text for part in self.parts)

    @property
    def lines(self) -> Iterator[int]:
        """The lines of the file that are shown."""
        for part in self.parts:
            yield from range(part.first_line, part.first_line + part.text.count("\n") + 1)


def excerpt_of(
    lines: Sequence[str], problem: range, around: range | None = None, others: Iterable[int] = ()
) -> Excerpt:
    """Return what is to be seen of a problem, with the lines at the margin that import something.

    lines: of the file, with or without terminators. problem: the lines it is reported on. around: those of the function
    it stands in, None where it is in none. others: more lines that matter, such as where a value comes from. What does
    not fit is left out: first the function, of which the lines next to the problem stay, then the other lines.
    """
    bare = [line.rstrip("\r\n") for line in lines]
    near = set(range(problem.start - _LINES_AROUND, problem.stop + _LINES_AROUND))
    far = {line + step for line in others for step in (-1, 0, 1)}
    imports = import_lines(bare)
    choices = (
        set(around or near) | set(problem) | far | imports,
        near | far | imports,
        near,
        set(problem),
        set(range(problem.start, problem.start + 1)),
    )
    for choice in choices:
        kept = sorted(number for number in choice if 0 <= number < len(bare))
        if sum(len(bare[number]) + 1 for number in kept) <= MAX_CHARS:
            return Excerpt(tuple(_parts(bare, kept)))
    return Excerpt(())


def _parts(lines: Sequence[str], kept: Sequence[int]) -> Iterator[Part]:
    start = 0
    for index in range(1, len(kept) + 1):
        if index == len(kept) or kept[index] != kept[index - 1] + 1:
            first, last = kept[start], kept[index - 1]
            yield Part(first, "\n".join(lines[first : last + 1]))
            start = index
