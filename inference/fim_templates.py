"""Fill-in-the-middle prompts by a family's template, within a budget. Pure: text and a tokenizer in, ids out.

Invariants: a prompt never exceeds its budget and is never empty; text never becomes a sentinel, because sentinels come
from `Tokenizer.special` and text from `Tokenizer.encode`; the front of a prompt stays the same from keystroke to
keystroke, so that its KV cache does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from inference.fim_cuts import line_starts
from inference.fim_families import FimTemplate, Form, Part

# Of the budget, what the suffix keeps before the prefix is cut: without any of it nothing says where the middle ends.
_SUFFIX_SHARE = 8
# Cuts are made in steps of this share of what is kept, so that the cut stays in place while someone types.
_CUT_STEP_SHARE = 4


class Tokenizer(Protocol):
    """What this module asks of a tokenizer."""

    def encode(self, text: str) -> list[int]:
        """Encode plain text; names of control tokens in it stay text."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Decode ids to text."""
        ...

    def special(self, text: str) -> int | None:
        """Give the id of a control token, None where the model has no such token."""
        ...


@dataclass(frozen=True, slots=True)
class Hole:
    """The place to fill, and what is known around it. snippets: (path, text), the most telling one last."""

    prefix: str
    suffix: str
    path: str | None = None
    repo: str | None = None
    snippets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids to feed, and ids that end the answer beside the model's own end tokens.

    goes_on_at: the index behind the prefix, which the answer goes on from; None where that is the end.
    cuts: after how many ids later prompts may differ from this one. visible_ids: control tokens that the answer shows.
    """

    ids: list[int]
    stop_ids: frozenset[int] = frozenset()
    goes_on_at: int | None = None
    cuts: tuple[int, ...] = ()
    visible_ids: frozenset[int] = frozenset()


def build_fim_prompt(hole: Hole, template: FimTemplate, tokenizer: Tokenizer, budget: int) -> Prompt:
    """Write `hole` by `template` in at most `budget` tokens, each part only where it is known; budget >= 8.

    What does not fit goes in this order: snippets, the first one first; the far end of the suffix; the front of the
    prefix. The names of repository and file go where they alone would take half of the budget, or stand for nothing.
    """
    writer = _Writer(tokenizer)
    pieces = _fit(hole, template, writer, budget)
    ids: list[int] = []
    ends: dict[str | Part, int] = {}
    for part in template.parts:
        ids += writer.control(part) if isinstance(part, str) else pieces[part]
        ends[part] = len(ids)
    hole_at = ends[Part.PREFIX]
    places = [hole_at - n for n in writer.n_behind(hole.prefix, pieces[Part.PREFIX])]
    cuts = {cut for cut in (ends.get(Part.FILES, 0), ends[Part.SUFFIX], *places) if 0 < cut < hole_at}
    return Prompt(
        ids,
        stop_ids=frozenset(token for name in template.stops for token in writer.control(name)),
        goes_on_at=None if hole_at == len(ids) else hole_at,
        cuts=(*sorted(cuts), hole_at),
    )


def build_prefix_prompt(hole: Hole, tokenizer: Tokenizer, budget: int, start_id: int) -> Prompt:
    """Write the prefix alone, for a model that was not trained to fill in the middle, in at most `budget` tokens.

    start_id: stands for an empty prefix, since a model must be fed something.
    """
    return Prompt(_keep_end(hole.prefix, tokenizer.encode(hole.prefix), budget, tokenizer) or [start_id])


class _Writer:
    """Text and forms to ids, by `tokenizer`."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        newline = tokenizer.encode("\n")
        # SentencePiece puts a space before every text that it is given, also before one that goes on from another.
        self._mark = newline if len(newline) > 1 else []

    def control(self, name: str) -> list[int]:
        token = self.tokenizer.special(name) if name else None
        return [] if token is None else [token]

    def text(self, text: str, *, is_inside: bool) -> list[int]:
        """Encode `text`. is_inside: it goes on from other text, so no space is put before it."""
        if not (is_inside and self._mark):
            return self.tokenizer.encode(text)
        ids = self.tokenizer.encode(f"\n{text}")
        n_mark = len(self._mark)
        return ids[n_mark:] if ids[:n_mark] == self._mark else self.tokenizer.encode(text)

    def form(self, form: Form | None, *, is_inside: bool = False, **words: str | None) -> list[int]:
        if form is None:
            return []
        text = self.text(form.words.format(**words), is_inside=is_inside and not form.before)
        return [*self.control(form.before), *text, *self.control(form.behind)]

    def n_behind(self, text: str, ids: list[int]) -> list[int]:
        """Count the `ids` of `text` behind each of its `line_starts`, the last first.

        Typing changes what stands behind these. A place within a token is left out.
        """
        counts: list[int] = []
        n, end = 0, len(text)
        for start in reversed(line_starts(text)):
            between = self.text(text[start:end], is_inside=True)
            rest = ids[: len(ids) - n]
            if 0 < len(between) < len(rest) and rest[-len(between) :] == between:
                n, end = n + len(between), start
                counts.append(n)
        return counts


def _fit(hole: Hole, template: FimTemplate, writer: "_Writer", budget: int) -> dict[Part, list[int]]:
    """Encode what `template` has room for in `budget` tokens."""
    repo = writer.form(template.repo, repo=hole.repo) if hole.repo else []
    here = writer.form(template.here, is_inside=bool(hole.snippets), path=hole.path) if hole.path else []
    snippets = [
        writer.form(template.file, is_inside=index > 0, path=path, text=text, lines=_as_lines(text))
        for index, (path, text) in enumerate(hole.snippets)
    ]
    if len(repo) + len(here) > budget // 2 or not (hole.snippets or template.names_alone):
        repo, here = [], []
    room = budget - len(repo) - len(here) - sum(isinstance(part, str) for part in template.parts)
    follows_text = isinstance(template.parts[template.parts.index(Part.PREFIX) - 1], Part) and bool(here or snippets)
    prefix = writer.text(hole.prefix, is_inside=follows_text)
    suffix = writer.text(hole.suffix, is_inside=True)
    while snippets and len(prefix) + len(suffix) + sum(map(len, snippets)) > room:
        del snippets[0]
    if len(prefix) + len(suffix) > room:
        suffix = suffix[: max(room - len(prefix), room // _SUFFIX_SHARE)]
        prefix = _keep_end(hole.prefix, prefix, room - len(suffix), writer.tokenizer)
    files = [token for snippet in snippets for token in snippet]
    return {Part.REPO: repo, Part.FILES: files, Part.HERE: here, Part.PREFIX: prefix, Part.SUFFIX: suffix}


def _as_lines(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"


def _keep_end(text: str, ids: list[int], room: int, tokenizer: Tokenizer) -> list[int]:
    """Encode the end of `text` that fits `room` tokens, from a line start if there is one. ids: of the whole text."""
    if len(ids) <= room:
        return ids
    if room <= 0:
        return []
    step = max(1, room // _CUT_STEP_SHARE)
    n_dropped = -(-(len(ids) - room) // step) * step
    n_characters = len(tokenizer.decode(ids[:n_dropped]))
    line_start = text.find("\n", n_characters) + 1
    return tokenizer.encode(text[line_start or n_characters :])[-room:]
