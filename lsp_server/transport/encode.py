"""Our messages -> bytes, and which of them a newer one makes worthless."""

import json
from typing import Any

import cattrs
from lsprotocol import types

from lsp_server.status import STATUS_METHOD


def encode(converter: cattrs.Converter, message: object) -> bytes:
    """Return `message`, an lsprotocol message or plain JSON that may hold lsprotocol values, as a body."""
    plain = converter.unstructure(message)
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def superseding_key(message: Any) -> str | None:
    """Return what a later message with the same key replaces, None for messages that all must arrive."""
    method = getattr(message, "method", None)
    if method == STATUS_METHOD:
        return STATUS_METHOD
    if method == types.PROGRESS and getattr(message.params.value, "kind", None) == "report":
        return f"{types.PROGRESS} {message.params.token}"
    return None
