"""Request shapes of the OpenAI protocol, and nothing else: JSON stops here, and in `openai_answers`.

Invariant: what a request says is either understood or refused. A field that is not known is refused, since it could
change what the answer means, and every refusal names the field and what would be right.
"""

import re
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from inference.errors import RequestInvalid
from inference.fim_templates import Hole
from inference.jobs import Sampling
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


class TextPart(Struct, forbid_unknown_fields=True):
    """One part of a message's content."""

    type: Literal["text"]
    text: str


class Message(Struct, forbid_unknown_fields=True):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str | list[TextPart]

    def as_dict(self) -> dict[str, str]:
        """Give it as chat templates take it."""
        content = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return {"role": self.role, "content": content}


class ChatRequest(_Common, kw_only=True):
    """`POST /v1/chat/completions`. max_completion_tokens is the newer name of max_tokens."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None

    def n_tokens(self) -> int:
        """Give the most tokens the answer may have."""
        return self.max_completion_tokens or self.max_tokens or 512

    def wants_logprobs(self) -> bool:
        """Tell whether the answer says how probable its pieces were: this endpoint does not offer it."""
        return False


R = TypeVar("R", CompletionRequest, ChatRequest)

_POSSIBLE = {
    "n": "1",
    "echo": "false",
    "priority": "interactive, foreground or background",
    "role": "system, user or assistant",
    "type": "text",
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
    if problem.startswith("Invalid enum value") and (possible := _POSSIBLE.get(param.rpartition(".")[2])):
        return RequestInvalid(f"{param}: only {possible} is possible", param)
    return RequestInvalid(f"{param or 'The body'}: {problem[:1].lower()}{problem[1:]}", param or None)
