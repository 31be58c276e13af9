"""A model's chat template, rendered by jinja2 in a sandbox. Invariant: contents never yield a control token.

The template sees the real contents, so it may trim or inspect them. Only where a control token's name occurs
in a content, a mark that occurs in no message is put inside the name; after rendering, what is still a control
token was written by the template, and the marks are taken out of the rest.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.errors import ModelUnsupported

_ROLES = frozenset({"system", "user", "assistant", "tool"})


class ChatTemplate:
    """One compiled template and the control tokens it may write."""

    def __init__(self, source: str, control_tokens: Sequence[str], variables: Mapping[str, str]) -> None:
        """Compile `source`. variables: bos_token and so on. Raises ModelUnsupported."""
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _raise_exception
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise ModelUnsupported(f"this model's chat template is not valid: {error}") from error
        self._variables = dict(variables)
        self._control_tokens = sorted(control_tokens, key=len, reverse=True)
        alternatives = "|".join(map(re.escape, self._control_tokens))
        self._split = re.compile(f"({alternatives})")
        # A look-ahead matches at every place where a name begins, overlapping ones included.
        self._begin = re.compile(f"(?=(?:{alternatives}))(.)", re.DOTALL)

    @classmethod
    def from_directory(cls, directory: Path, control_tokens: Sequence[str]) -> "ChatTemplate | None":
        """Read the template of the checkpoint in `directory`; None where it has none."""
        config: dict[str, Any] = {}
        config_path, template_path = directory / "tokenizer_config.json", directory / "chat_template.jinja"
        if config_path.is_file():
            config = json.loads(config_path.read_text(encoding="utf-8"))
        source = template_path.read_text("utf-8") if template_path.is_file() else config.get("chat_template")
        if not isinstance(source, str) or not control_tokens:
            return None
        names = ("bos_token", "eos_token", "pad_token", "unk_token")
        variables = {name: _token_text(config.get(name)) for name in names}
        return cls(source, control_tokens, variables)

    def render(self, messages: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, bool]]:
        """Render `messages` up to where the answer begins, as pieces (text, is_control). Raises ModelUnsupported."""
        mark = _unused_character(messages)
        marked = [self._mark_message(message, mark) for message in messages]
        try:
            text = self._template.render(messages=marked, add_generation_prompt=True, **self._variables)
        except TemplateError as error:
            raise ModelUnsupported(f"this model's chat template refuses the messages: {error}") from error
        for index, piece in enumerate(self._split.split(text)):
            if index % 2:
                yield piece, True
            elif plain := piece.replace(mark, ""):
                yield plain, False

    def _mark_message(self, message: Mapping[str, str], mark: str) -> dict[str, str]:
        if message["role"] not in _ROLES:
            raise ModelUnsupported(f"a message's role is one of {', '.join(sorted(_ROLES))}")
        return {"role": message["role"], "content": self._mark(message["content"], mark)}

    def _mark(self, content: str, mark: str) -> str:
        content = self._begin.sub(rf"\1{mark}", content)
        # The template's own text may end with the beginning of a name, or begin with the end of one.
        if any(content.startswith(token[i:]) for token in self._control_tokens for i in range(1, len(token))):
            content = mark + content
        if any(content.endswith(token[:i]) for token in self._control_tokens for i in range(1, len(token))):
            content += mark
        return content


def _unused_character(messages: Sequence[Mapping[str, str]]) -> str:
    used = set().union(*(message["content"] for message in messages))
    return next(chr(point) for point in range(0xF0000, 0x10FFFE) if chr(point) not in used)


def _token_text(value: object) -> str:
    """Read a token of tokenizer_config.json: a string, or an object with `content`."""
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else ""


def _raise_exception(message: str) -> None:
    raise TemplateError(message)
