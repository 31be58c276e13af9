"""From raw model output to the text shown at the cursor, or to the reason why none is.

Owns the order of the rules of what a person gets to see: those on lines hold for every language, a grammar refines
them. Invariants: text shown holds no control token, begins at the cursor, ends without whitespace, leaves the brackets
of the document no worse balanced, and does not say what stands behind the cursor already. What is put above the
cursor's line ends with that line's indentation.
"""

import re
from dataclasses import dataclass

from lsp_server.completion.cut import cut
from lsp_server.completion.fewest_flaws import with_fewest_flaws
from lsp_server.completion.line_start import place_of
from lsp_server.completion.lines import Drop
from lsp_server.completion.neighbours import with_neighbours
from lsp_server.completion.place import TAB_WIDTH, Place, indent_of, indent_unit
from lsp_server.completion.scope import ONE_LINE, Scope, scope_at
from lsp_server.completion.syntax import closer_of_line, opens_block, unmatched
from lsp_server.grammars import grammar_of

_REPEATED_PIECE = re.compile(r"(.{1,20}?)\1{3,}")
_TEXT = re.compile(r'"""(?:(?!""")[\s\S])*(?:"""|\Z)')
"""Prose: a smiley or `1)` in it is no bracket."""
_FEW_CHARS = 12
"""Shorter repetitions are code: `0, 0, 0, 0`."""


@dataclass(frozen=True, slots=True)
class GhostText:
    """What to show. Either `text` is not empty, or `drop` says why it is."""

    text: str
    drop: Drop | None = None


def is_done(raw: str, place: Place, *, single_line: bool = False) -> bool:
    """Tell whether more raw text would change nothing of what is shown."""
    return cut(raw, place_of(raw, place), has_ended=False, single_line=single_line).is_final


def ghost_text(raw: str, place: Place, *, is_cut_off: bool = False, single_line: bool = False) -> GhostText:
    """Turn the model's answer into what is shown.

    is_cut_off: the model had more to say (token limit or deadline). single_line: never more than one line.
    """
    target = place_of(raw, place)
    shown = _shown(raw, target, is_cut_off=is_cut_off, single_line=single_line)
    is_above = target != place and bool(shown.text)
    return GhostText(shown.text + place.newline + place.before) if is_above else shown


def _shown(raw: str, place: Place, *, is_cut_off: bool, single_line: bool) -> GhostText:
    found = cut(raw, place, has_ended=False, single_line=single_line)
    is_cut_off = is_cut_off and not found.is_final
    if not found.is_final:
        raw = _whole_lines(raw, place.language_id) if is_cut_off else raw
        found = cut(raw, place, has_ended=True, single_line=single_line)
    if found.drop is not None:
        return GhostText("", found.drop)
    text = _trim(found.text, place)
    text = _without_overlap(text, place)
    if not text.strip():
        return GhostText("", Drop.EMPTY)
    drop = _reason_to_drop(text, place)
    if drop is not None:
        return GhostText("", drop)
    fitted = _fitted(_indented_as_file(text, place), place, single_line=single_line)
    if not fitted:
        return GhostText("", _reason_not_to_fit(text, place, is_cut_off=is_cut_off))
    return GhostText(fitted.replace("\n", place.newline))


def _fitted(text: str, place: Place, *, single_line: bool) -> str:
    """Shorten `text` to what leaves the brackets and the syntax around it whole; empty when nothing can stay."""
    scope = scope_at(place)
    if scope is Scope.DOCSTRING:
        return text
    if scope in ONE_LINE and not single_line and text.endswith(("{", "(", "[")) and not _is_balanced(text, place):
        text = text[:-1].rstrip()  # the block behind a condition is another suggestion
    text = _balanced(text, place, single_line=single_line)
    while text and scope is Scope.CODE:
        shorter = with_neighbours(text, place)
        if shorter == text:
            break
        text = _balanced(shorter, place, single_line=single_line)
    if single_line or scope in ONE_LINE:
        return text
    shorter = with_fewest_flaws(text, place)
    return shorter if shorter == text or _is_balanced(shorter, place) else text


def _reason_not_to_fit(text: str, place: Place, *, is_cut_off: bool) -> Drop:
    if is_cut_off:
        return Drop.CUT_OFF
    return Drop.MISFIT if _is_balanced(text, place) else Drop.UNBALANCED


def _is_balanced(text: str, place: Place) -> bool:
    return _n_unmatched(text, place) <= _n_unmatched("", place)


def _whole_lines(raw: str, language_id: str) -> str:
    """Drop the line that was being written and headers left without a body, unless nothing else is there."""
    lines = raw.split("\n")[:-1]
    while lines and (not lines[-1].strip() or opens_block(lines[-1], language_id)):
        lines.pop()
    return "\n".join(lines) if lines else raw


def _trim(text: str, place: Place) -> str:
    """Drop whitespace at the end and on blank lines, but not what parts the text from a word behind the cursor."""
    lines = [line if line.strip() else "" for line in text.split("\n")]
    trimmed = "\n".join(lines).rstrip()
    gap = text[len(text.rstrip(" ")) :][:1]
    return trimmed + gap if _is_word(place.after[:1]) else trimmed


def _without_overlap(text: str, place: Place) -> str:
    """Drop from the end of `text` what the rest of the cursor's line says."""
    rest = place.after.strip()
    if not rest:
        return text
    stripped = text.rstrip()
    for length in range(min(len(rest), len(stripped)), 0, -1):
        ends_within = length < len(rest) and _is_word(rest[length - 1]) and _is_word(rest[length])
        begins_within = length < len(rest) and _is_word(rest[0]) and _is_word(stripped[-length - 1 : -length])
        is_word_part = ends_within or begins_within
        is_enough = length == len(rest) or length > 2
        if stripped.endswith(rest[:length]) and is_enough and not is_word_part:
            shorter = stripped[:-length]
            shorter = shorter.rstrip() + " " * shorter[-1:].isspace()
            return shorter if _n_unmatched(shorter, place) <= _n_unmatched(stripped, place) else text
    return text


def _is_word(char: str) -> bool:
    return char.isalnum() or char in ("_", '"', "'")


def _reason_to_drop(text: str, place: Place) -> Drop | None:
    stripped = text.strip()
    if len(stripped) >= _FEW_CHARS and _REPEATED_PIECE.fullmatch(stripped):
        return Drop.REPETITION
    first = text.partition("\n")[0]
    line = (place.before + first + place.after).strip()
    if place.after.strip() and (line == place.line_below.strip() or stripped == place.line_below.strip()):
        return Drop.ECHO
    return None


def _indented_as_file(text: str, place: Place) -> str:
    """Indent the lines after the first by the file's own character. Alignment is left as it is."""
    if "\n" not in text:
        return text
    unit = indent_unit(place)
    first, *lines = _moved_to_column(text, place)
    if unit == "\t":
        width = min((len(indent_of(line)) for line in lines if line.startswith("  ")), default=TAB_WIDTH)
        step = " " * (width if width in (2, 4, 8) else TAB_WIDTH)
        return "\n".join([first, *(_replace_in_indent(line, step, "\t") for line in lines)])
    return "\n".join([first, *(_replace_in_indent(line, "\t", unit) for line in lines)])


def _moved_to_column(text: str, place: Place) -> list[str]:
    """Split `text` in lines; a block that was written as if its header began at column 0 is moved to where it does."""
    first, *lines = text.split("\n")
    indent = indent_of(place.before)
    header = place.before + first
    is_known = grammar_of(place.language_id) is not None  # elsewhere an indentation may mean something
    is_block = (
        is_known
        and bool(indent and first.strip())
        and header.rstrip().endswith("{")
        and closer_of_line(lines[-1]) == "}"
    )
    if not is_block or indent_of(lines[-1]) or "`" in text or '"""' in text:
        return [first, *lines]
    return [first, *(indent + line if line.strip() else line for line in lines)]


def _replace_in_indent(line: str, old: str, new: str) -> str:
    indent = indent_of(line)
    return indent.replace(old, new) + line[len(indent) :]


def _balanced(text: str, place: Place, *, single_line: bool) -> str:
    """Drop lines from the end until the brackets are no worse than before; empty when none can stay."""
    if single_line and text.rstrip().endswith(("{", "(", "[")):
        return text  # the person asked for one line at a time: its block comes next
    without = _n_unmatched("", place)
    lines = text.split("\n")
    while lines:
        shorter = "\n".join(lines).rstrip() if len(lines) < text.count("\n") + 1 else text
        if shorter.strip() and _n_unmatched(shorter, place) <= without:
            return shorter
        lines.pop()
    return ""


def _n_unmatched(text: str, place: Place) -> int:
    """Count the brackets around the cursor that would have no partner with `text` there."""
    here = _TEXT.sub('""', place.before + text + place.after)
    around = "\n".join((*place.above, here, *place.below))
    closers, openers = unmatched(around, place.language_id)
    return len(closers) + len(openers)
