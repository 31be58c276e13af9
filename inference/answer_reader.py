"""What an assistant's answer says: its thinking, its text and its tool calls. Pure: text in pieces in, events out.

Invariant: how the text is cut into pieces changes nothing. A call ends the thinking, also where the model forgets to
say so, as the Qwen3.5 models at times do after many turns; short of a call's exact beginning, marks in the thinking
are part of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from inference.reasoning import Reasoning
from inference.tool_calls import CallBegun, CallEvent, CallReader, Content


@dataclass(frozen=True, slots=True)
class Thought:
    """Text of the thinking."""

    text: str


AnswerEvent = Thought | CallEvent


class AnswerReader:
    """Reads one answer.

    is_thinking: the prompt ends within the thinking already. calls: reads tool calls; None: there are no tools, so that
    marks of calls are content. max_calls: what follows the last of so many is left out; None: all are taken.
    """

    def __init__(self, *, is_thinking: bool = False, calls: CallReader | None = None, max_calls: int | None = None):
        self._reasoning = Reasoning(is_open=is_thinking, call=calls.BEGINNING if calls else None)
        self._calls = calls
        self._max_calls = max_calls
        self._is_full = False

    @property
    def is_thinking(self) -> bool:
        """Tell whether the next text is thinking, as far as one can know."""
        return self._reasoning.is_thinking

    @property
    def has_called(self) -> bool:
        """Tell whether there are calls, all of them whole."""
        return self._calls is not None and self._calls.n_calls > 0 and not self._calls.is_open

    @property
    def is_complete(self) -> bool:
        """Tell whether nothing that may still come would be taken."""
        return self._is_full or (
            self._calls is not None and self._calls.n_calls == self._max_calls and not self._calls.is_open
        )

    def push(self, text: str) -> list[AnswerEvent]:
        """Take the next piece; return what is certain now."""
        return [*self._events(*self._reasoning.push(text), is_end=False)]

    def finish(self) -> list[AnswerEvent]:
        """Return what was held back."""
        return [*self._events(*self._reasoning.finish(), is_end=True)]

    def _events(self, thought: str, answer: str, *, is_end: bool) -> Iterator[AnswerEvent]:
        if thought:
            yield Thought(thought)
        if self._calls is None:
            if answer:
                yield Content(answer)
            return
        found = self._calls.push(answer) if answer else []
        for event in [*found, *(self._calls.finish() if is_end else [])]:
            self._is_full = self._is_full or (isinstance(event, CallBegun) and event.index == self._max_calls)
            if not self._is_full:
                yield event
