"""Texts of elsewhere that stand in front of a prompt: which of those found are taken, and in what order. Pure.

Invariants: what is taken stays, in its order and its words, until the cursor has moved on or its source changed, since
the engine computes everything behind a change again; nothing is taken that is named as a secret or holds one; nothing
stands there twice, nor what the model sees around the cursor anyway.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from lsp_server.context.likeness import covers
from lsp_server.context.secrets import has_secret, is_secret_name

MOST_SNIPPETS = 12
_PATH_CHARS = 40
"""What a snippet's name and its control tokens cost beside its text."""
_LEAST_CHARS = 200
"""The front of what is close is worth having where so much room is left."""
_ALIKE = 0.6


class Snippet(NamedTuple):
    """Some text of elsewhere. source: says which it is, also after its text changed; path: what the model is told.

    is_close: it says what stands at the cursor itself, and is worth computing a prompt anew.
    """

    source: str
    path: str
    text: str
    is_close: bool = False

    @property
    def n_chars(self) -> int:
        """What it costs in a prompt."""
        return len(self.text) + _PATH_CHARS


def admit(found: Iterable[Snippet], around: str) -> list[Snippet]:
    """Return those of `found`, the most telling first, that may stand in a prompt.

    around: the text that the model sees without them.
    """
    admitted: list[Snippet] = []
    for snippet in found:
        if not snippet.text.strip() or is_secret_name(snippet.path) or _has_secret(snippet.text):
            continue
        if covers(around, snippet.text, _ALIKE) or any(covers(other.text, snippet.text, _ALIKE) for other in admitted):
            continue
        admitted.append(snippet)
    return admitted


def arrange(
    held: Sequence[Snippet], admitted: Sequence[Snippet], n_chars: int, *, has_moved: bool
) -> tuple[Snippet, ...]:
    """Return what stands in front of the prompt from now on, in at most `n_chars` characters.

    held: what stands there now. admitted: the most telling first. has_moved: the cursor is where other things matter.
    """
    latest = {snippet.source: snippet for snippet in admitted}
    kept = tuple(_renewed(snippet, latest) for snippet in held)
    if sum(snippet.n_chars for snippet in kept) > n_chars:
        kept = ()
    wanted = _fitting(admitted, n_chars)
    sources = {snippet.source for snippet in kept}
    missing = [snippet for snippet in wanted if snippet.source not in sources]
    room = n_chars - sum(snippet.n_chars for snippet in kept)
    if sum(snippet.n_chars for snippet in missing) <= room and len(kept) + len(missing) <= MOST_SNIPPETS:
        return kept + tuple(reversed(missing))
    if not has_moved and not any(snippet.is_close for snippet in missing):
        return kept + tuple(reversed(_fitting(missing, room)[: MOST_SNIPPETS - len(kept)]))
    taken = {snippet.source for snippet in wanted}
    return (*(snippet for snippet in kept if snippet.source in taken), *reversed(missing))


def _renewed(snippet: Snippet, latest: dict[str, Snippet]) -> Snippet:
    """Return `snippet` with the text that its source has now, unless it is the front of that."""
    now = latest.get(snippet.source)
    return snippet if now is None or now.text.startswith(snippet.text) else now


def _fitting(snippets: Iterable[Snippet], n_chars: int) -> list[Snippet]:
    fitting: list[Snippet] = []
    for snippet in snippets:
        if snippet.is_close and snippet.n_chars > n_chars >= _LEAST_CHARS:
            front = snippet.text[: n_chars - _PATH_CHARS].rpartition("\n")[0]
            snippet = snippet._replace(text=front)
        if snippet.text and snippet.n_chars <= n_chars and len(fitting) < MOST_SNIPPETS:
            fitting.append(snippet)
            n_chars -= snippet.n_chars
    return fitting


@lru_cache(maxsize=256)
def _has_secret(text: str) -> bool:
    return has_secret(text)
