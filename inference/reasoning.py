"""The thinking in front of an answer, parted from the answer. Pure: text in pieces in, text in pieces out.

Invariant: how the text is cut into pieces changes nothing, and nothing but the marks and the white space beside them is
lost. Only the beginning of an answer is looked at: a mark in the middle of it is part of what it says.
"""

from enum import Enum, auto

from inference.text_stream import n_begun

BEGIN, END = "<think>", "</think>"


class _Place(Enum):
    BEFORE = auto()  # nothing but white space came
    OPENED = auto()  # the thinking has not said anything
    THINKING = auto()
    CLOSED = auto()  # the answer has not said anything
    ANSWER = auto()


class Reasoning:
    """Parts one answer.

    is_open: the prompt ends within the thinking already. call: text that ends the thinking and is part of the answer.
    """

    def __init__(self, *, is_open: bool, call: str | None = None) -> None:
        self._place = _Place.OPENED if is_open else _Place.BEFORE
        self._ends = (END,) if call is None else (END, call)
        self._held = ""

    @property
    def is_thinking(self) -> bool:
        """Tell whether the next text is thinking, as far as one can know."""
        return self._place in (_Place.OPENED, _Place.THINKING)

    def push(self, text: str) -> tuple[str, str]:
        """Take the next piece; return what of the thinking, and then what of the answer, is certain now."""
        self._held += text
        if self._place is _Place.BEFORE:
            self._look_for_begin()
        thought = self._take_thought() if self.is_thinking else ""
        return thought, self._take_answer()

    def finish(self) -> tuple[str, str]:
        """Return what was held back, as (thinking, answer)."""
        held, self._held = self._held, ""
        return (held.rstrip(), "") if self.is_thinking else ("", held)

    def _look_for_begin(self) -> None:
        begun = self._held.lstrip()
        if begun.startswith(BEGIN):
            self._place, self._held = _Place.OPENED, begun.removeprefix(BEGIN)
        elif not BEGIN.startswith(begun):
            self._place = _Place.ANSWER

    def _take_thought(self) -> str:
        if self._place is _Place.OPENED:
            self._held = self._held.lstrip()
            if self._held:
                self._place = _Place.THINKING
        found = [at for end in self._ends if (at := self._held.find(end)) >= 0]
        if found:
            at = min(found)
            thought = self._held[:at].rstrip()
            self._place, self._held = _Place.CLOSED, self._held[at:].removeprefix(END)
            return thought
        n_held = max(n_begun(self._held, end) for end in self._ends)
        sure = self._held[: len(self._held) - n_held].rstrip()
        self._held = self._held[len(sure) :]
        return sure

    def _take_answer(self) -> str:
        if self._place is _Place.CLOSED:
            self._held = self._held.lstrip()
            if self._held:
                self._place = _Place.ANSWER
        if self._place is not _Place.ANSWER:
            return ""
        answer, self._held = self._held, ""
        return answer
