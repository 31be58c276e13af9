"""Tokens to text that may be shown: whole characters, nothing of a stop string.

Invariant: the text of all pieces together is what the tokens say up to the stop string that is complete first, however
the tokens cut it. A control token that is to be shown says its name.
"""

from typing import Protocol

from inference.jobs import Piece


class StreamDecoder(Protocol):
    """Decodes one stream of ids into complete characters."""

    def push(self, token_id: int) -> str:
        """Take the next id; return what is complete now."""
        ...

    def finish(self) -> str:
        """Return what was held back."""
        ...


class StopStrings:
    """Looks for stop strings in text that comes in pieces, holding back what may become one."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self.was_hit = False

    def push(self, text: str) -> str:
        """Take the next piece; return what is certainly not part of a stop string. Sets `was_hit` at the first."""
        text = self._held + text
        found = [(start + len(stop), start) for stop in self._stops if (start := text.find(stop)) >= 0]
        if found:
            # The one that ends first, as if the text had come character by character.
            self._held, self.was_hit = "", True
            return text[: min(found)[1]]
        n_held = max((n_begun(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - n_held :]
        return text[: len(text) - n_held]

    def finish(self) -> str:
        """Return what was held back, since no stop string came of it."""
        held, self._held = self._held, ""
        return held


def n_begun(text: str, stop: str) -> int:
    """Count the characters at the end of `text` that are a beginning of `stop`, all of it left out."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)


class TextStream:
    """One answer's tokens to pieces. A piece's logprob is the sum over the tokens that came since the last piece."""

    def __init__(self, decoder: StreamDecoder, stop_strings: tuple[str, ...]) -> None:
        self._decoder = decoder
        self._stops = StopStrings(stop_strings)
        self._logprob: float | None = None
        self._n_tokens = 0

    def push(self, token_id: int, logprob: float | None) -> Piece | None:
        """Take the next token, one that is to be shown; return what can be shown now, if anything."""
        self._n_tokens += 1
        if logprob is not None:
            self._logprob = (self._logprob or 0.0) + logprob
        return self._piece(self._stops.push(self._decoder.push(token_id)))

    @property
    def was_stopped(self) -> bool:
        """Tell whether a stop string was found: what comes after it is not part of the answer."""
        return self._stops.was_hit

    def finish(self) -> Piece | None:
        """End the stream; return what was held back, if anything."""
        if self.was_stopped:
            return None
        return self._piece(self._stops.push(self._decoder.finish()) + self._stops.finish())

    def _piece(self, text: str) -> Piece | None:
        if not text:
            return None
        logprob, self._logprob = self._logprob, None
        n_tokens, self._n_tokens = self._n_tokens, 0
        return Piece(text, logprob, n_tokens)
