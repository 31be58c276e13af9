"""Text to token ids and back. Invariant: text never becomes a control token; only `special` yields one.

A document that contains `<|im_end|>` is a document about chat templates, not the end of a turn: its characters
are encoded as any others. Control tokens come from `special` and from the chat template's own text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken

from inference.errors import ModelUnsupported
from inference.models.chat_template import ChatTemplate, TemplateMessage
from inference.models.token_bytes import StreamDecoder, TokenBytes


@dataclass(frozen=True, slots=True)
class ChatTokens:
    """A conversation as ids. cuts: after how many of them later prompts may differ. is_thinking: see `Rendered`."""

    ids: list[int]
    cuts: tuple[int, ...]
    is_thinking: bool


class Tokenizer:
    """A model's tokenizer over the `tokenizers` library."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, template: ChatTemplate | None = None) -> None:
        """Take over `tokenizer`, which is changed to encode control tokens in text as plain text."""
        # An added token that is not special would be found in plain text all the same.
        tokenizer.add_special_tokens(
            [
                AddedToken(token.content, special=True, normalized=False)
                for token in tokenizer.get_added_tokens_decoder().values()
                if not token.special
            ]
        )
        tokenizer.encode_special_tokens = True
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._special = {token.content: i for i, token in tokenizer.get_added_tokens_decoder().items()}
        self.chat_template = template
        self._token_bytes = TokenBytes(tokenizer)
        self.n_vocab: int = tokenizer.get_vocab_size(with_added_tokens=True)

    @classmethod
    def from_directory(cls, directory: Path) -> "Tokenizer":
        """Read the tokenizer of the checkpoint in `directory`. Raises ModelUnsupported."""
        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
        except Exception as error:  # the library raises bare Exception
            raise ModelUnsupported(f"{directory / 'tokenizer.json'} cannot be read: {error}") from error
        controls = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        return cls(tokenizer, ChatTemplate.from_directory(directory, controls))

    def encode(self, text: str) -> list[int]:
        """Encode `text` as plain text: control tokens that occur in it are spelled out. Adds nothing."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def special(self, text: str) -> int | None:
        """Give the id of the control token `text`, or None where the model has no such token."""
        return self._special.get(text)

    def vocabulary(self) -> list[bytes]:
        """Give the bytes of every token by its id, none for a control token. Takes a moment."""
        controls = {*self._special.values()}
        return [b"" if i in controls else self._token_bytes[i] for i in range(self.n_vocab)]

    def decode(self, ids: Sequence[int]) -> str:
        """Decode `ids`, control tokens as their names. Bytes that are no UTF-8 become U+FFFD."""
        decoder = self.stream_decoder()
        return "".join(map(decoder.push, ids)) + decoder.finish()

    def stream_decoder(self) -> StreamDecoder:
        """Start decoding one stream of ids, piece by piece: `push(id) -> str`, `finish() -> str`."""
        return StreamDecoder(self._token_bytes)

    def render_chat(
        self,
        messages: Sequence[TemplateMessage],
        tools: Sequence[Mapping[str, Any]] = (),
        switches: Mapping[str, bool] | None = None,
    ) -> ChatTokens:
        """Encode `messages` by the model's chat template, up to where the answer begins. See `ChatTemplate.render`.

        Raises ModelUnsupported when the model has no template or the template refuses the messages.
        """
        if self.chat_template is None:
            raise ModelUnsupported("this model has no chat template; ask it for completions instead")
        rendered = self.chat_template.render(messages, tools, switches)
        ids: list[int] = []
        starts = []
        for piece, is_control in rendered.pieces:
            starts.append(len(ids))
            if is_control:
                ids.append(self._special[piece])
            else:
                ids.extend(self.encode(piece))
        cuts = tuple(starts[cut] for cut in rendered.cuts if 0 < cut < len(starts))
        return ChatTokens(ids, cuts, rendered.is_thinking)
