"""Request shapes of the OpenAI protocol, and nothing else: JSON stops here, and in `openai_answers`.

Invariant: what a request says is either understood or refused. A field that is not known is refused, since it could
change what the answer means, and every refusal names the field and what would be right.
"""

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from inference.errors import RequestInvalid
from inference.fim_templates import Hole
from inference.grammars import Grammar
from inference.jobs import Sampling
from inference.openai_messages import Message, Tool
from inference.response_format import ResponseFormat, StructuredOutputs, wanted_grammar
from inference.scheduler import Priority

Name = Annotated[str, Meta(min_length=1, max_length=256)]
Tokens = Annotated[int, Meta(ge=1)]
StopString = Annotated[str, Meta(min_length=1, max_length=256)]
StopStrings = Annotated[list[StopString], Meta(max_length=16)]


class Snippet(Struct, forbid_unknown_fields=True):
    """Text of another file."""

    path: str
    text: str


class StreamOptions(Struct, forbid_unknown_fields=True):
    """include_usage: accepted, and of no effect, because the last chunk always carries the usage."""

    include_usage: bool = False


class _Common(Struct, forbid_unknown_fields=True, kw_only=True):
    """What both endpoints take. None stands for the default, as null does in the protocol."""

    model: Name | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    stop: StopString | StopStrings | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    priority: Literal["interactive", "foreground", "background"] = "foreground"
    key: Name | None = None
    deadline_ms: Annotated[int, Meta(ge=1)] | None = None
    user: str | None = None
    response_format: ResponseFormat | None = None
    structured_outputs: StructuredOutputs | None = None

    def grammar(self) -> Grammar | None:
        """Tell what the answer must match, if anything. Raises RequestInvalid."""
        return wanted_grammar(self.response_format, self.structured_outputs)

    def sampling(self) -> Sampling:
        """Tell how tokens are chosen."""
        top_p = 1.0 if self.top_p is None else self.top_p
        return Sampling(self.temperature or 0.0, top_p, self.top_k or 0, self.seed)

    def stop_strings(self) -> tuple[str, ...]:
        """Tell what ends the answer without being part of it."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    def priority_class(self) -> Priority:
        """Tell who waits."""
        return Priority[self.priority.upper()]


class CompletionRequest(_Common, kw_only=True):
    """`POST /v1/completions`."""

    prompt: str
    suffix: str | None = None
    path: Name | None = None
    repo: Name | None = None
    snippets: Annotated[list[Snippet], Meta(max_length=64)] | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    logprobs: Annotated[int, Meta(ge=0, le=1)] | None = None
    echo: Literal[False] | None = None

    def hole(self) -> Hole | None:
        """Give the hole to fill; None where the prompt is to be continued as it stands."""
        if self.suffix is None:
            return None
        snippets = tuple((snippet.path, snippet.text) for snippet in self.snippets or ())
        return Hole(self.prompt, self.suffix, self.path, self.repo, snippets)

    def n_tokens(self) -> int:
        """Give the most tokens the answer may have; 0 asks for the prompt to be computed, and no more."""
        return 64 if self.max_tokens is None else self.max_tokens

    def wants_logprobs(self) -> bool:
        """Tell whether the answer says how probable its pieces were."""
        return bool(self.logprobs)


class ThinkingSwitches(Struct, forbid_unknown_fields=True):
    """Variables of chat templates: whether to think, and whether earlier thinking stays in the conversation."""

    enable_thinking: bool | None = None
    preserve_thinking: bool | None = None


class ChatRequest(_Common, kw_only=True):
    """`POST /v1/chat/completions`. max_completion_tokens is the newer name of max_tokens.

    Whether to think is said in three ways by the clients there are: chat_template_kwargs, the same two at the top, and
    reasoning_effort, which here is either none or some.
    """

    messages: Annotated[list[Message], Meta(min_length=1)]
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    tools: Annotated[list[Tool], Meta(max_length=512)] | None = None
    tool_choice: Literal["auto", "none", "required"] | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    chat_template_kwargs: ThinkingSwitches | None = None
    enable_thinking: bool | None = None
    preserve_thinking: bool | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None

    def n_tokens(self) -> int:
        """Give the most tokens the answer may have."""
        return self.max_completion_tokens or self.max_tokens or 512

    def wants_logprobs(self) -> bool:
        """Tell whether the answer says how probable its pieces were: this endpoint does not offer it."""
        return False

    def offered_tools(self) -> list[Tool]:
        """Give the tools that the assistant may call now. Raises RequestInvalid where it would have to."""
        if self.tool_choice not in (None, "auto", "none"):
            words = "tool_choice: only auto or none is possible, since this worker cannot force a call"
            raise RequestInvalid(words, "tool_choice")
        return [] if self.tool_choice == "none" else self.tools or []

    def max_calls(self) -> int | None:
        """Give the most tool calls that the answer may have; None: any number."""
        return 1 if self.parallel_tool_calls is False else None

    def switches(self) -> dict[str, bool]:
        """Give the switches that are set, by name. Raises RequestInvalid when they contradict each other."""
        kwargs = self.chat_template_kwargs or ThinkingSwitches()
        effort = None if self.reasoning_effort is None else self.reasoning_effort != "none"
        said = {
            "enable_thinking": {self.enable_thinking, kwargs.enable_thinking, effort} - {None},
            "preserve_thinking": {self.preserve_thinking, kwargs.preserve_thinking} - {None},
        }
        for name, values in said.items():
            if len(values) > 1:
                raise RequestInvalid(f"{name} is both on and off in this request; say it once", name)
        return {name: bool(value) for name, values in said.items() for value in values}


R = TypeVar("R", CompletionRequest, ChatRequest)

_POSSIBLE = {
    "n": "1",
    "echo": "false",
    "priority": "interactive, foreground or background",
    "role": "system, developer, user, assistant or tool",
    "content.type": "text",
    "response_format.type": "text, json_object or json_schema",
    "type": "function",
    "tool_choice": "auto or none",
    "strict": "false",
    "reasoning_effort": "none, minimal, low, medium, high or xhigh",
}


def parse_request(body: bytes, kind: type[R]) -> R:
    """Decode `body`. Raises RequestInvalid."""
    try:
        request = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), kind) from error
    except (ValueError, RecursionError) as error:
        raise RequestInvalid(f"The body is not JSON in UTF-8: {error}") from error
    return request


def _invalid(problem: str, kind: type[R]) -> RequestInvalid:
    """Turn msgspec's words into a refusal that names the field and what would be right."""
    place = re.search(r"`\$\.?([^`]*)`$", problem)
    param = place[1] if place else ""
    problem = re.sub(r" - at `[^`]*`$", "", problem)
    if unknown := re.match(r"Object contains unknown field `(.*)`", problem, re.DOTALL):
        known = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))
        where = f" in {param}" if param else f"; the fields are {known}"
        name = f"{param}.{unknown[1]}" if param else unknown[1]
        return RequestInvalid(
            f"The field {unknown[1]} is not known{where}. It could change what the answer means, so leave it out", name
        )
    if missing := re.match(r"Object missing required field `(.*)`", problem):
        name = f"{param}.{missing[1]}" if param else missing[1]
        return RequestInvalid(f"The field {name} is missing", name)
    field = "." + re.sub(r"\[\d+\]", "", param)
    possible = next((each for name, each in _POSSIBLE.items() if field.endswith(f".{name}")), None)
    if possible and problem.startswith(("Invalid enum value", "Invalid value")):
        return RequestInvalid(f"{param}: only {possible} is possible", param)
    return RequestInvalid(f"{param or 'The body'}: {problem[:1].lower()}{problem[1:]}", param or None)
