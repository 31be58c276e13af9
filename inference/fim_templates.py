"""Fill-in-the-middle prompts: sentinels and token budget per model family. Pure: text and a tokenizer in, ids out.

Invariants: a prompt never exceeds its budget and is never empty; text never becomes a sentinel, because sentinels come
from `Tokenizer.special` and text from `Tokenizer.encode`; the front of a prompt stays the same from keystroke to
keystroke, so that its KV cache does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

# Of the budget, what the suffix keeps before the prefix is cut: without any of it nothing says where the middle ends.
_SUFFIX_SHARE = 8
# Cuts are made in steps of this share of what is kept, so that the cut stays in place while someone types.
_CUT_STEP_SHARE = 4


_UNINDENTED_LINE = re.compile(r"^[^\s)\]}#]", re.MULTILINE)


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


@dataclass(frozen=True, slots=True)
class FimTemplate:
    """Names of a family's control tokens, in the order in which `build_fim_prompt` writes them."""

    repo: str
    file: str
    prefix: str
    suffix: str
    middle: str
    stops: tuple[str, ...]


TEMPLATES: dict[str, FimTemplate] = {
    "qwen": FimTemplate(
        repo="<|repo_name|>",
        file="<|file_sep|>",
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        stops=("<|fim_pad|>", "<|endoftext|>", "<|file_sep|>", "<|repo_name|>"),
    ),
}


def build_fim_prompt(hole: Hole, template: FimTemplate, tokenizer: Tokenizer, budget: int) -> Prompt:
    r"""Write `hole` by `template` in at most `budget` tokens; budget >= 8.

    `<repo>R\n<file>path\ntext...\n<file>current\n<prefix>P<suffix>S<middle>`, each part only where it is known.
    What does not fit goes in this order: snippets, the first one first; the far end of the suffix; the front of the
    prefix. The names of repository and file go where they alone would take half of the budget.
    """

    def control(name: str) -> list[int]:
        token = tokenizer.special(name)
        return [] if token is None else [token]

    head = control(template.repo) + tokenizer.encode(f"{hole.repo}\n") if hole.repo else []
    here = control(template.file) + tokenizer.encode(f"{hole.path}\n") if hole.path else []
    snippets = [control(template.file) + tokenizer.encode(_file_text(path, text)) for path, text in hole.snippets]
    sentinels = [control(name) for name in (template.prefix, template.suffix, template.middle)]

    if len(head) + len(here) > budget // 2:
        head, here = [], []
    room = budget - len(head) - len(here) - sum(map(len, sentinels))
    prefix, suffix = tokenizer.encode(hole.prefix), tokenizer.encode(hole.suffix)
    while snippets and len(prefix) + len(suffix) + sum(map(len, snippets)) > room:
        del snippets[0]
    if len(prefix) + len(suffix) > room:
        suffix = suffix[: max(room - len(prefix), room // _SUFFIX_SHARE)]
        prefix = _keep_end(hole.prefix, prefix, room - len(suffix), tokenizer)

    middle = [*sentinels[0], *prefix, *sentinels[1], *suffix, *sentinels[2]]
    ids = [*head, *(token for snippet in snippets for token in snippet), *here, *middle]
    stop_ids = frozenset(token for name in template.stops for token in control(name))
    hole_at = len(ids) - len(middle) + len(sentinels[0]) + len(prefix)
    places = [hole_at - n for n in _n_behind_line_starts(hole.prefix, prefix, tokenizer)]
    return Prompt(ids, stop_ids, goes_on_at=hole_at, cuts=(len(ids) - len(middle) - len(here), *places, hole_at))


def build_prefix_prompt(hole: Hole, tokenizer: Tokenizer, budget: int, start_id: int) -> Prompt:
    """Write the prefix alone, for a model that was not trained to fill in the middle, in at most `budget` tokens.

    start_id: stands for an empty prefix, since a model must be fed something.
    """
    return Prompt(_keep_end(hole.prefix, tokenizer.encode(hole.prefix), budget, tokenizer) or [start_id])


def _n_behind_line_starts(text: str, ids: list[int], tokenizer: Tokenizer) -> list[int]:
    """Count the `ids` of `text` behind the start of its last unindented line, and behind that of its last line.

    Typing changes what stands behind these. A place within a token is left out.
    """
    starts = [*[match.start() for match in _UNINDENTED_LINE.finditer(text)][-1:], text.rfind("\n") + 1]
    ends = [tokenizer.encode(text[start:]) for start in starts]
    return [len(end) for end in ends if 0 < len(end) < len(ids) and ids[-len(end) :] == end]


def _file_text(path: str, text: str) -> str:
    return f"{path}\n{text}" if text.endswith("\n") else f"{path}\n{text}\n"


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
