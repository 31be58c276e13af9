"""Text to token ids and back. Invariant: text never becomes a control token; only `special` yields one.

A document that contains `<|im_end|>` is a document about chat templates, not the end of a turn: its characters
are encoded as any others. Control tokens come from `special` and from the chat template's own text.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers

from inference.errors import ModelUnsupported
from inference.models.chat_template import ChatTemplate
from inference.models.token_bytes import StreamDecoder, TokenBytes


class Tokenizer:
    """A model's tokenizer over the `tokenizers` library."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, template: ChatTemplate | None = None) -> None:
        """Take over `tokenizer`, which is changed to encode control tokens in text as plain text."""
        for_encoding = _with_all_added_special(tokenizer)
        for_encoding.encode_special_tokens = True
        for_encoding.no_truncation()
        for_encoding.no_padding()
        self._tokenizer = for_encoding
        self._special = {token.content: i for i, token in for_encoding.get_added_tokens_decoder().items()}
        self._template = template
        self._token_bytes = TokenBytes(for_encoding)
        self.n_vocab: int = for_encoding.get_vocab_size(with_added_tokens=True)

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

    def decode(self, ids: Sequence[int]) -> str:
        """Decode `ids`, control tokens as their names. Bytes that are no UTF-8 become U+FFFD."""
        decoder = self.stream_decoder()
        return "".join(map(decoder.push, ids)) + decoder.finish()

    def stream_decoder(self) -> StreamDecoder:
        """Start decoding one stream of ids, piece by piece: `push(id) -> str`, `finish() -> str`."""
        return StreamDecoder(self._token_bytes)

    def render_chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Encode `messages` (role, content) by the model's chat template, up to where the answer begins.

        Raises ModelUnsupported when the model has no template or the template refuses the messages.
        """
        if self._template is None:
            raise ModelUnsupported("this model has no chat template; ask it for completions instead")
        ids: list[int] = []
        for piece, is_control in self._template.render(messages):
            if is_control:
                ids.append(self._special[piece])
            else:
                ids.extend(self.encode(piece))
        return ids


def _with_all_added_special(tokenizer: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """Mark every added token special: those that are not would be found in plain text all the same."""
    value: dict[str, Any] = json.loads(tokenizer.to_str())
    if all(token["special"] for token in value["added_tokens"]):
        return tokenizer
    for token in value["added_tokens"]:
        token["special"] = True
    return tokenizers.Tokenizer.from_str(json.dumps(value))
