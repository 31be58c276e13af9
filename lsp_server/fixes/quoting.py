"""What an edit changes, as verbatim old and new text, and where that stands. Pure.

Invariant: each old text stands in the file exactly once, letter for letter, so that its place is known by what it says;
whatever else the file holds is the same after the edits.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from lsp_server.fixes.proposal import Replacement
from lsp_server.review.finding import Offsets
from lsp_server.review.verdict import Fix


def quoted(text: str, fixed: str) -> list[Fix]:
    r"""Return the edits that make `fixed` of `text`, both with lines ending in `\n`; old texts are whole lines.

    An old text has as many of the lines around what changes as it takes to stand there once.
    """
    old, new = text.split("\n"), fixed.split("\n")
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    changed = [each[1:] for each in matcher.get_opcodes() if each[0] != "equal"]
    fixes = [_fix(text, old, new, each) for each in changed]
    if len(fixes) > 1 and places(text, fixes) is None:  # the lines around one are those of another
        (i, _, j, _), (_, i_end, _, j_end) = changed[0], changed[-1]
        fixes = [_fix(text, old, new, (i, i_end, j, j_end))]
    return fixes


def edits_between(text: str, fixed: str) -> list[Replacement]:
    """Return the edits that make `fixed` of `text`, each where its old text stands."""
    found = places(text, quoted(text, fixed))
    assert found is not None  # noqa: S101 - they are quoted from it
    return found


def places(text: str, fixes: Sequence[Fix]) -> list[Replacement] | None:
    """Return where `fixes` go; None where one quotes what does not stand in `text` exactly once, or two touch."""
    offsets = Offsets(text)
    found = sorted((start, fix.old_text, fix.new_text) for fix in fixes for start in _starts(text, fix.old_text))
    if len(found) != len(fixes) or not all(fix.old_text.strip() for fix in fixes):
        return None
    if any(start + len(old) > after for (start, old, _), (after, _, _) in pairwise(found)):
        return None
    return [Replacement(offsets.place(start, start + len(old)), new) for start, old, new in found]


def _fix(text: str, old: list[str], new: list[str], changed: tuple[int, int, int, int]) -> Fix:
    """Return one edit. changed: lines of `old` from and up to, and those of `new` that take their place."""
    i, i_end, j, j_end = changed
    begin, end = (i, i_end) if j_end > j else (max(0, i - 1), i_end + (i == 0))  # with the end of a line beside it
    while len([*_starts(text, "\n".join(old[begin:end]))]) != 1 and (begin > 0 or end < len(old)):
        takes_next = end < len(old) and (begin == 0 or end - i_end <= i - begin)
        begin, end = (begin, end + 1) if takes_next else (begin - 1, end)
    around = "\n".join(old[begin:end]), "\n".join([*old[begin:i], *new[j:j_end], *old[i_end:end]])
    return Fix(*around)


def _starts(text: str, lines: str) -> Iterator[int]:
    """Give where `lines`, which are not blank, stand in `text` as whole lines, twice at most."""
    whole, sought = f"\n{text}\n", f"\n{lines}\n"
    start = whole.find(sought) if lines.strip() else -1
    if start >= 0:
        yield start
        if (again := whole.find(sought, start + 1)) >= 0:
            yield again
