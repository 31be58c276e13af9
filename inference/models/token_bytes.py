"""The bytes each token stands for. Decoding is then joining bytes: exact, and linear in the number of tokens.

Decoding ids by the `tokenizers` library is no map over tokens: characters are split over tokens, and some
decoders strip the space in front. Bytes have neither trouble, so a stream decodes like a whole.
"""

import codecs
import re

import tokenizers

from inference.errors import ModelUnsupported

_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")
_SPACE_MARK = "\N{LOWER ONE EIGHTH BLOCK}"


class TokenBytes:
    """Maps token ids to bytes, for byte-level BPE (GPT-2, Qwen, Llama 3) and for SentencePiece vocabularies."""

    def __init__(self, tokenizer: tokenizers.Tokenizer) -> None:
        """Look at `tokenizer`'s decoder. Raises ModelUnsupported for a kind not known here."""
        decoder: str = tokenizer.decoder.__getstate__().decode() if tokenizer.decoder else "none"
        self._is_byte_level = '"ByteLevel"' in decoder
        if not self._is_byte_level and '"ByteFallback"' not in decoder and '"Metaspace"' not in decoder:
            raise ModelUnsupported(f"a tokenizer with the decoder {decoder[:80]} is not known to this version")
        # SentencePiece puts a space before the text, and its decoders take it away again.
        self.strips_first_space = not self._is_byte_level and (
            '"Strip"' in decoder or ('"Metaspace"' in decoder and '"never"' not in decoder)
        )
        self._tokenizer = tokenizer
        self._added = {i: token.content.encode() for i, token in tokenizer.get_added_tokens_decoder().items()}

    def __getitem__(self, token_id: int) -> bytes:
        """Give the bytes of `token_id`: a control token's name, nothing for an id the vocabulary lacks."""
        added = self._added.get(token_id)
        if added is not None:
            return added
        token = self._tokenizer.id_to_token(token_id)
        if token is None:
            return b""
        if self._is_byte_level:
            return bytes(_BYTE_OF_CHARACTER[character] for character in token)
        if match := _BYTE_TOKEN.fullmatch(token):
            return bytes([int(match[1], 16)])
        return str(token).replace(_SPACE_MARK, " ").encode()


class StreamDecoder:
    """Decodes one stream of ids into complete characters; bytes that are no UTF-8 become U+FFFD."""

    def __init__(self, token_bytes: TokenBytes) -> None:
        self._token_bytes = token_bytes
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._strip_next = token_bytes.strips_first_space

    def push(self, token_id: int) -> str:
        """Take the next id; return the characters that are complete now, maybe none."""
        value = self._token_bytes[token_id]
        if self._strip_next:
            value, self._strip_next = value.removeprefix(b" "), False
        return self._utf8.decode(value)

    def finish(self) -> str:
        """End the stream; return what was held back: an incomplete character, as U+FFFD."""
        return self._utf8.decode(b"", final=True)


def _byte_characters() -> dict[str, int]:
    """Give the character that stands for each byte in byte-level vocabularies.

    A byte that is a printable character of Latin-1 stands for itself; the others follow from U+0100 on.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(0x100 + i): byte for i, byte in enumerate(others)})
    return table


_BYTE_OF_CHARACTER = _byte_characters()
