"""Tool calls in what a model writes. Pure: text in pieces in; content, calls and their arguments out.

Owns the two forms that chat templates teach: a JSON object (`{"name": ..., "arguments": {...}}`), and elements
(`<function=NAME><parameter=NAME>value</parameter></function>`), each between `<tool_call>` and `</tool_call>`.

Invariants: how the text is cut into pieces changes nothing; what is not a call comes out as content, as it was written;
the arguments of a call that has ended are a JSON object, however they were written.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from inference.text_stream import n_begun
from inference.tool_arguments import Parameters, to_json

OPEN, CLOSE = "<tool_call>", "</tool_call>"
CallForm = Literal["json", "elements"]


@dataclass(frozen=True, slots=True)
class Content:
    """Text of the answer itself."""

    text: str


@dataclass(frozen=True, slots=True)
class CallBegun:
    """A call, the `index`th of the answer from 0."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class CallArguments:
    """A piece of the JSON text of a call's arguments."""

    index: int
    text: str


CallEvent = Content | CallBegun | CallArguments
_Steps = Iterator[CallEvent | None]
"""What a step found; None: it must see more of the text first, which at the end there is none of."""


class CallReader(ABC):
    """Reads one answer. n_calls: that have begun; is_open: the last of them has not ended."""

    BEGINNING: ClassVar[str]
    """What a call begins with exactly as templates write it."""

    def __init__(self) -> None:
        self.n_calls = 0
        self.is_open = False
        self._text = ""
        self._is_end = False
        self._step: Callable[[], _Steps] = self._content
        self._opened = ""  # what a call that is not one began with

    def push(self, text: str) -> list[CallEvent]:
        """Take the next piece; return what is certain now."""
        self._text += text
        return self._advance()

    def finish(self) -> list[CallEvent]:
        """Return what was held back. A call that was cut short stays open: its arguments are no JSON."""
        self._is_end = True
        return self._advance()

    def _advance(self) -> list[CallEvent]:
        events: list[CallEvent] = []
        while True:
            for event in self._step():
                if event is None:
                    return events
                events.append(event)

    def _content(self) -> _Steps:
        before, mark, rest = self._text.partition(OPEN)
        if mark:
            content = before.rstrip()
            self._opened, self._text = before[len(content) :] + mark, rest
            self._step = self._call
        elif self._is_end:
            content, self._text = before.rstrip() if self.n_calls else before, ""
        else:
            # White space in front of a call is no part of the content.
            content = before[: len(before) - n_begun(before, OPEN)].rstrip()
            self._text = before[len(content) :]
        if content:
            yield Content(content)
        if not mark:
            yield None

    @abstractmethod
    def _call(self) -> _Steps:
        """Read on behind `<tool_call>`."""

    def _not_a_call(self) -> _Steps:
        """Give back the mark as content, and look at what came behind it again."""
        self._step = self._content
        yield Content(self._opened)

    def _begin(self, name: str) -> CallBegun:
        self.n_calls += 1
        self.is_open = True
        return CallBegun(self.n_calls - 1, name)

    def _arguments(self, text: str) -> CallArguments:
        return CallArguments(self.n_calls - 1, text)


class JsonCallReader(CallReader):
    """Reads calls that are JSON objects. Each comes whole, because only then is it known to be one."""

    BEGINNING = f"{OPEN}\n{{"

    def __init__(self) -> None:
        super().__init__()
        self._n_looked_at = 0

    def _call(self) -> _Steps:
        end = self._text.find(CLOSE, self._n_looked_at)
        if end < 0 and not self._is_end:
            # Looking at each character once keeps long arguments linear.
            self._n_looked_at = max(0, len(self._text) - len(CLOSE) + 1)
            yield None
        try:
            name, arguments = _json_call(self._text if end < 0 else self._text[:end])
        except (ValueError, RecursionError):
            if end >= 0 and _ends_in_string(self._text[:end]):
                self._n_looked_at = end + 1  # the mark is part of the string
                return
            self._n_looked_at = 0
            yield from self._not_a_call()
            return
        self._n_looked_at, self._text = 0, "" if end < 0 else self._text[end + len(CLOSE) :]
        self._step = self._content
        yield self._begin(name)
        self.is_open = False
        yield self._arguments(to_json(arguments))


class ElementCallReader(CallReader):
    """Reads calls that are elements. A parameter that is a string comes as it is written, others once they are whole.

    tools: name -> JSON schema of the parameters, which says what a value is. A value ends where its closing mark is
    followed by what may follow it, so that text about calls can be an argument.
    """

    BEGINNING = f"{OPEN}\n<function="
    _FUNCTION = re.compile(r"<function=([^<>\s]+)>")
    _PARAMETER = re.compile(r"<parameter=([^<>\n]+)>")
    _FUNCTION_BEGUN = re.compile(r"<function=[^<>\s]*\Z")
    _PARAMETER_BEGUN = re.compile(r"<parameter=[^<>\n]*\Z")
    _END_VALUE, _END_CALL = "</parameter>", "</function>"

    def __init__(self, tools: Mapping[str, Mapping[str, Any] | None]) -> None:
        super().__init__()
        self._tools = {name: Parameters(schema) for name, schema in tools.items()}
        self._name = ""
        self._parameters = Parameters(None)
        self._parameter = ""
        self._value = ""

    def _call(self) -> _Steps:
        begun = self._text.lstrip()
        if found := self._FUNCTION.match(begun):
            self._opened += self._text[: len(self._text) - len(begun)] + found[0]
            self._text = begun[found.end() :]
            self._name = found[1]
            self._parameters = self._tools.get(self._name, Parameters(None))
            self._step = self._first_parameter
        elif self._may_become(begun, "<function=", self._FUNCTION_BEGUN):
            yield None
        else:
            yield from self._not_a_call()

    def _first_parameter(self) -> _Steps:
        begun = self._text.lstrip()
        goes_on = self._goes_on(begun)
        if goes_on is None:
            yield None
        elif goes_on:
            self._text = begun
            yield self._begin(self._name)
            yield self._arguments("{")
            yield from self._go_on("")
        else:
            yield from self._not_a_call()

    def _goes_on(self, text: str) -> bool | None:
        """Tell whether a parameter, or the end of the call, stands at the start of `text`; None: not known yet."""
        if text.startswith(self._END_CALL) or self._PARAMETER.match(text):
            return True
        is_begun = self._may_become(text, "<parameter=", self._PARAMETER_BEGUN)
        return None if is_begun or (self._END_CALL.startswith(text) and not self._is_end) else False

    def _go_on(self, separator: str) -> _Steps:
        """Begin the next parameter or end the call, whichever stands here."""
        if found := self._PARAMETER.match(self._text):
            self._text, self._parameter, self._value = self._text[found.end() :], found[1], ""
            self._step = self._begin_value
            yield self._arguments(f"{separator}{to_json(self._parameter)}: ")
        else:
            self._text = self._text.removeprefix(self._END_CALL)
            self._step = self._behind_call
            self.is_open = False
            yield self._arguments("}")

    def _begin_value(self) -> _Steps:
        if not self._text:
            yield None
        self._text = self._text.removeprefix("\n")
        self._step = self._in_value
        if self._is_text():
            yield self._arguments('"')

    def _in_value(self) -> _Steps:
        end = self._text.find(self._END_VALUE)
        if end < 0:
            # What may be the end of the value, or the line break before it, waits.
            n_held = max(n_begun(self._text, mark) for mark in (self._END_VALUE, f"\n{self._END_VALUE}"))
            yield from self._value_text(len(self._text) - n_held)
            yield None
        behind = self._text[end + len(self._END_VALUE) :].lstrip()
        goes_on = self._goes_on(behind)
        if goes_on is False:
            yield from self._value_text(end + len(self._END_VALUE))
            return
        yield from self._value_text(end - self._text.endswith("\n", 0, end))
        if goes_on is None:
            yield None
        yield self._arguments('"' if self._is_text() else self._parameters.to_json(self._parameter, self._value))
        self._text = behind
        yield from self._go_on(", ")

    def _value_text(self, n: int) -> _Steps:
        """Take the first `n` characters of the text as part of the value."""
        written, self._text = self._text[:n], self._text[n:]
        if not self._is_text():
            self._value += written
        elif written:
            yield self._arguments(to_json(written)[1:-1])

    def _is_text(self) -> bool:
        return self._parameters.is_text(self._parameter)

    def _behind_call(self) -> _Steps:
        behind = self._text.lstrip()
        self._opened = ""
        if behind.startswith(CLOSE):
            self._text, self._step = behind.removeprefix(CLOSE), self._content
        elif self._FUNCTION.match(behind):
            self._step = self._call
        elif self._may_become(behind, "<function=", self._FUNCTION_BEGUN) or (
            CLOSE.startswith(behind) and not self._is_end
        ):
            yield None
        else:
            self._step = self._content

    def _may_become(self, text: str, mark: str, begun: re.Pattern[str]) -> bool:
        """Tell whether `text` may be the beginning of an element that begins with `mark`."""
        return not self._is_end and (mark.startswith(text) or begun.match(text) is not None)


def make_call_reader(form: CallForm, tools: Mapping[str, Mapping[str, Any] | None]) -> CallReader:
    """Make a reader of calls in `form`. tools: name -> JSON schema of the parameters."""
    return JsonCallReader() if form == "json" else ElementCallReader(tools)


def _json_call(text: str) -> tuple[str, dict[str, Any]]:
    """Read one call. Arguments may be an object, or a string that holds one. Raises ValueError when it is none."""
    call = json.loads(text, strict=False)
    if isinstance(call, dict):
        name, arguments = call.get("name"), call.get("arguments", {})
        if isinstance(arguments, str):
            arguments = json.loads(arguments, strict=False)
        if isinstance(name, str) and name and isinstance(arguments, dict):
            to_json(arguments)
            return name, arguments
    raise ValueError("not a call")


def _ends_in_string(text: str) -> bool:
    """Tell whether JSON that begins with `text` is within a string there."""
    return re.sub(r"\\.", "", text, flags=re.DOTALL).count('"') % 2 == 1
