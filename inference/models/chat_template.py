"""A model's chat template, rendered by jinja2 in a sandbox. Invariant: contents never yield a control token.

The template sees the real contents, so it may trim or inspect them. Only where a control token's name occurs
in a content, a mark that occurs in no message is put inside the name; after rendering, what is still a control
token was written by the template, and the marks are taken out of the rest. Tools and arguments are contents too.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.errors import ModelUnsupported
from inference.reasoning import BEGIN
from inference.tool_calls import OPEN, CallForm

_ROLES = frozenset({"system", "user", "assistant", "tool"})

TemplateMessage = Mapping[str, Any]
"""role, content (a string), and where there is such: reasoning_content, name, tool_call_id, and tool_calls, a list of
`{"id", "type": "function", "function": {"name", "arguments": {...}}}`."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a template made of messages. pieces: (text, is_control), up to where the answer begins.

    cuts: before which pieces later prompts may differ. is_thinking: the answer begins within the thinking.
    """

    pieces: list[tuple[str, bool]]
    cuts: tuple[int, ...]
    is_thinking: bool


class ChatTemplate:
    """One compiled template and the control tokens it may write.

    call_form: how it teaches to write tool calls, by its own text; None: it does not.
    """

    def __init__(self, source: str, control_tokens: Sequence[str], variables: Mapping[str, str]) -> None:
        """Compile `source`. variables: bos_token and so on. Raises ModelUnsupported."""
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _raise_exception
        environment.filters["tojson"] = _to_json
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise ModelUnsupported(f"this model's chat template is not valid: {error}") from error
        self._source = source
        self._variables = dict(variables)
        by_length = sorted(control_tokens, key=len, reverse=True)
        self._name_begins = tuple({token[:i] for token in by_length for i in range(1, len(token))})
        self._name_ends = tuple({token[i:] for token in by_length for i in range(1, len(token))})
        alternatives = "|".join(map(re.escape, by_length))
        self._split = re.compile(f"({alternatives})")
        # A look-ahead matches at every place where a name begins, overlapping ones included.
        self._begin = re.compile(f"(?=(?:{alternatives}))(.)", re.DOTALL)
        self.call_form: CallForm | None = None
        if OPEN in source and "tools" in source:
            self.call_form = "elements" if "<function=" in source else "json"

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

    @property
    def can_think(self) -> bool:
        """Tell whether the template has a place for thinking."""
        return BEGIN in self._source

    def knows(self, switch: str) -> bool:
        """Tell whether the template asks for the variable called `switch`."""
        return switch in self._source

    def render(
        self,
        messages: Sequence[TemplateMessage],
        tools: Sequence[Mapping[str, Any]] = (),
        switches: Mapping[str, bool] | None = None,
    ) -> Rendered:
        """Render `messages` up to where the answer begins. Raises ModelUnsupported.

        tools: `{"type": "function", "function": {...}}` each. switches: variables such as enable_thinking; one that is
        missing is the template's own to choose.
        """
        try:
            mark, cut = _unused_characters([*messages, *tools])
            asked = [index for index, message in enumerate(messages) if message["role"] == "user"]
            marked = [self._mark_message(message, mark) for message in messages]
            for index in {*asked[:1], *asked[-1:]}:
                marked[index]["content"] = _mark_begin(marked[index]["content"], cut)
            text = self._template.render(
                messages=marked,
                tools=[self._mark_all(tool, mark) for tool in tools] or None,
                add_generation_prompt=True,
                **(switches or {}),
                **self._variables,
            )
        except Exception as error:  # whatever a template does with a message that it was not written for
            raise ModelUnsupported(f"this model's chat template refuses the messages: {error}") from error
        return self._pieces(text, mark, cut)

    def _pieces(self, text: str, mark: str, cut: str) -> Rendered:
        """Part the control tokens from the rest, and take the marks out."""
        pieces: list[tuple[str, bool]] = []
        cuts: list[int] = []
        n_left, turn = text.count(cut), 0
        for index, piece in enumerate(self._split.split(text)):
            if n := piece.count(cut):
                # A turn begins behind a control token. The last one's end is a place as well: what the template writes
                # there is no longer the same once the answer is part of the conversation.
                cuts.append(turn)
                n_left -= n
            if index % 2:
                pieces.append((piece, True))
                turn = len(pieces)
                if n_left == 0 and cuts:
                    cuts.append(turn)
                    n_left = -1
            elif plain := piece.replace(mark, "").replace(cut, ""):
                pieces.append((plain, False))
        return Rendered(pieces, tuple(cuts), text.rstrip().endswith(BEGIN))

    def _mark_message(self, message: TemplateMessage, mark: str) -> dict[str, Any]:
        if message["role"] not in _ROLES:
            raise ModelUnsupported(f"a message's role is one of {', '.join(sorted(_ROLES))}")
        return {key: value if key == "role" else self._mark_all(value, mark) for key, value in message.items()}

    def _mark_all(self, value: Any, mark: str) -> Any:
        """Mark every string within `value`. Keys keep their ends, because the template may ask for them."""
        if isinstance(value, str):
            return self._mark(value, mark)
        if isinstance(value, Mapping):
            return {self._begin.sub(rf"\1{mark}", key): self._mark_all(each, mark) for key, each in value.items()}
        return [self._mark_all(each, mark) for each in value] if isinstance(value, list) else value

    def _mark(self, content: str, mark: str) -> str:
        content = self._begin.sub(rf"\1{mark}", content)
        # The template's own text may end with the beginning of a name, or begin with the end of one. It may trim, too.
        bare = content.strip()
        if bare.startswith(self._name_ends):
            content = _mark_begin(content, mark)
        if bare.endswith(self._name_begins):
            end = content.rstrip()
            content = f"{end}{mark}{content[len(end) :]}"
        return content


def _mark_begin(content: str, cut: str) -> str:
    """Put `cut` in front of the first character that no template trims."""
    begin = content.lstrip()
    return content[: len(content) - len(begin)] + cut + begin if begin else content


def _unused_characters(values: Sequence[object]) -> tuple[str, str]:
    used = set(json.dumps(values, ensure_ascii=False))
    free = (chr(point) for point in range(0xF0000, 0x10FFFE) if chr(point) not in used)
    return next(free), next(free)


def _to_json(value: object, indent: int | None = None) -> str:
    """Write JSON as models have seen it: jinja's own filter sorts keys and escapes for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _token_text(value: object) -> str:
    """Read a token of tokenizer_config.json: a string, or an object with `content`."""
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else ""


def _raise_exception(message: str) -> None:
    raise TemplateError(message)
