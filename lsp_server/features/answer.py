"""One answer in the making: a request to the engine, and what the model has said until now.

Invariant: the engine is stopped as soon as what will be shown cannot change, and when nobody wants the answer any more.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import aclosing

from lsp_server.completion.confidence import Piece, confidence
from lsp_server.completion.ghost_text import GhostText, ghost_text, is_done
from lsp_server.completion.lines import Drop
from lsp_server.completion.place import Place
from lsp_server.completion.surroundings import Surroundings
from lsp_server.engine.protocol import CompletionRequest, Engine, FinishReason, Token

_MOST_UNHEARD_CHARS = 8

_log = logging.getLogger(__name__)


class Answer:
    """What the model says at `here`.

    text: what is to be shown, once it is made; drop: why nothing is; unsure: what would be, had the model been sure of
    it; is_late: the deadline came first; took_s: from asking to the end.
    """

    def __init__(
        self,
        engine: Engine,
        request: CompletionRequest,
        here: Surroundings,
        place: Place,
        *,
        single_line: bool,
        min_confidence: float = 0.0,
    ) -> None:
        """Begin to ask. min_confidence: how sure the model must be, 0.0 to 1.0, of what nobody asked for."""
        self.here = here
        self.request = request
        self.text = ""
        self.unsure = ""
        self.drop: Drop | None = None
        self.is_late = False
        self.took_s = 0.0
        self._engine = engine
        self._place = place
        self._single_line = single_line
        self._min_confidence = min_confidence
        self._said = request.said
        self._n_begun_left = len(request.begun)
        self._raw = ""
        self._pieces: list[Piece] = []
        self._grown = asyncio.Event()
        self._task = asyncio.ensure_future(self._make())
        # Fetches what went wrong after everybody had left, so that nothing complains about it.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    @property
    def has_begun(self) -> bool:
        """Tell whether the model has said anything."""
        return bool(self._raw)

    @property
    def has_succeeded(self) -> bool:
        """Tell whether the answer is made."""
        return self._task.done() and not self._task.cancelled() and self._task.exception() is None

    @property
    def has_failed(self) -> bool:
        """Tell whether the answer will never be made."""
        return self._task.done() and not self.has_succeeded

    def says(self, now: Surroundings) -> bool:
        """Tell whether the person at `now` has typed just what the model says, as far as it has said it.

        Of one that has said nothing yet that may be so for a few characters: where reading the prompt takes longer than
        the time between two keys, an answer that ended at each key would never come.
        """
        typed = now.typed_since(self.here)
        if typed is None:
            return False
        text = typed.text.replace("\r\n", "\n")
        if not self.has_begun:
            return len(text) <= _MOST_UNHEARD_CHARS and "\n" not in text
        return self._raw.startswith(text) or text.startswith(self._raw)

    async def wait(self, now: Surroundings | None = None) -> bool:
        """Wait for the end; tell whether it came. now: stop waiting when the model does not say what was typed there.

        Raises EngineError.
        """
        while not self._task.done():
            if now is not None and not self.says(now):
                return False
            grown = asyncio.ensure_future(self._grown.wait())
            try:
                await asyncio.wait((self._task, grown), return_when=asyncio.FIRST_COMPLETED)
            finally:
                grown.cancel()
        self._task.result()
        return True

    def when_made(self, call: Callable[[], None]) -> None:
        """Call `call` once the answer is made, if it ever is."""
        self._task.add_done_callback(lambda _: call() if self.has_succeeded and not self.is_late else None)

    def stop(self) -> None:
        """Let the engine stop. What the answer came to by then stays."""
        self._task.cancel()

    async def _make(self) -> None:
        n_tokens, ending = 0, None
        began_s = time.monotonic()
        async with aclosing(self._engine.complete(self.request)) as tokens:
            async for token in tokens:
                n_tokens += 1
                ending = token.finish.reason if token.finish else None
                if piece := self._behind_begun(token):
                    self._grow(piece)
                    if is_done(self._raw, self._place, single_line=self._single_line):
                        break
        is_cut_off = ending in (FinishReason.LENGTH, FinishReason.DEADLINE)
        shown = ghost_text(self._raw, self._place, is_cut_off=is_cut_off, single_line=self._single_line)
        if self._is_unsure(shown.text):
            self.unsure, shown = shown.text, GhostText("", Drop.UNSURE)
        _log.debug("%d tokens for %d characters; %s", n_tokens, len(shown.text), shown.drop or "shown")
        self.text, self.drop = shown.text, shown.drop
        self.took_s = time.monotonic() - began_s
        self.is_late = not shown.text and not self.unsure and ending is FinishReason.DEADLINE

    def _is_unsure(self, text: str) -> bool:
        sure = confidence(self._pieces, text)
        return sure is not None and sure < self._min_confidence

    def _behind_begun(self, token: Token) -> Piece | None:
        """Return what of `token` stands behind the cursor; how sure the model was of half a word is not known."""
        text, self._said = self._said + token.text, ""
        n = min(self._n_begun_left, len(text))
        self._n_begun_left -= n
        return Piece(text[n:], None if text[:n].strip() else token.logprob) if text[n:] else None

    def _grow(self, piece: Piece) -> None:
        self._raw += piece.text
        self._pieces.append(piece)
        self._grown.set()
        self._grown = asyncio.Event()
