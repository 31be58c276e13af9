"""The conversation of a chat request: messages and tools as JSON has them, and as chat templates take them.

Invariant: templates get strings for contents and objects for arguments, at most one system message, which comes first,
and nothing that was not said.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, to_builtins

from inference.errors import RequestInvalid

FunctionName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:/-]+$", max_length=128)]
Identifier = Annotated[str, Meta(min_length=1, max_length=256)]


class TextPart(Struct, forbid_unknown_fields=True, tag_field="type", tag="text"):
    """One part of a message's content."""

    text: str


Content = str | list[TextPart]


class FunctionCall(Struct, forbid_unknown_fields=True):
    """arguments: the JSON text of an object."""

    name: FunctionName
    arguments: str = "{}"


class ToolCall(Struct, forbid_unknown_fields=True):
    """A call that the assistant made. index: as streams have it, of no meaning here."""

    id: Identifier
    function: FunctionCall
    type: Literal["function"] = "function"
    index: int | None = None

    def as_dict(self, place: str) -> dict[str, Any]:
        """Give it as templates take it. Raises RequestInvalid, naming `place`, when the arguments are no object."""
        try:
            arguments = json.loads(self.function.arguments or "{}")
        except (ValueError, RecursionError):
            arguments = None
        if not isinstance(arguments, dict):
            param = f"{place}.function.arguments"
            raise RequestInvalid(f"{param} is not the JSON text of an object", param)
        return {"id": self.id, "type": "function", "function": {"name": self.function.name, "arguments": arguments}}


class _Message(Struct, forbid_unknown_fields=True, tag_field="role", kw_only=True):
    """name: who speaks, for templates that tell."""

    name: Identifier | None = None

    def _as_dict(self, role: str, content: Content | None) -> dict[str, Any]:
        text = content if isinstance(content, str) else "".join(part.text for part in content or ())
        return {"role": role, "content": text} | ({} if self.name is None else {"name": self.name})


class SystemMessage(_Message, tag="system"):
    """What holds for the whole conversation."""

    content: Content

    def as_dict(self, _: str) -> dict[str, Any]:
        """Give it as templates take it."""
        return self._as_dict("system", self.content)


class DeveloperMessage(SystemMessage, tag="developer"):
    """The newer name of a system message."""


class UserMessage(_Message, tag="user"):
    """What a person asks."""

    content: Content

    def as_dict(self, _: str) -> dict[str, Any]:
        """Give it as templates take it."""
        return self._as_dict("user", self.content)


class AssistantMessage(_Message, tag="assistant"):
    """What was answered. reasoning_content: the thinking in front of it; reasoning: another name of that."""

    content: Content | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None
    refusal: None = None

    def as_dict(self, place: str) -> dict[str, Any]:
        """Give it as templates take it. Raises RequestInvalid when the arguments of a call are no object."""
        message = self._as_dict("assistant", self.content)
        thinking = self.reasoning_content or self.reasoning
        if thinking:
            message["reasoning_content"] = thinking
        if self.tool_calls:
            message["tool_calls"] = [
                call.as_dict(f"{place}.tool_calls[{index}]") for index, call in enumerate(self.tool_calls)
            ]
        return message


class ToolMessage(_Message, tag="tool"):
    """What a call came to."""

    content: Content
    tool_call_id: Identifier

    def as_dict(self, _: str) -> dict[str, Any]:
        """Give it as templates take it."""
        return self._as_dict("tool", self.content) | {"tool_call_id": self.tool_call_id}


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage


class FunctionDefinition(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """parameters: a JSON schema of an object. strict: that arguments follow it is not enforced."""

    name: FunctionName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: Literal[False] | None = None


class Tool(Struct, forbid_unknown_fields=True):
    """A function that the assistant may call."""

    type: Literal["function"]
    function: FunctionDefinition

    def as_dict(self) -> dict[str, Any]:
        """Give it as templates take it."""
        function = to_builtins(self.function)
        function.pop("strict", None)
        return {"type": "function", "function": function}


def arrange(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Give `messages` as templates take them. Raises RequestInvalid.

    System messages at the beginning become one. A later one, which templates refuse, becomes a reminder by the user at
    its place: in front it would change the text that everything behind it was cached with.
    """
    arranged: list[dict[str, Any]] = []
    for index, each in enumerate(messages):
        message = each.as_dict(f"messages[{index}]")
        if message["role"] == "system" and arranged:
            if all(before["role"] == "system" for before in arranged):
                arranged[0]["content"] += f"\n\n{message['content']}"
                continue
            message = {
                "role": "user",
                "content": f"<system-reminder>\n{message['content']}\n</system-reminder>",
            }
        arranged.append(message)
    return arranged
