"""Texts of other files in front of a prefix, for engines that have no field for them. Pure.

They stand there as one file that goes on into the other: each under a comment with its name, in the syntax of its kind.
Invariant: the same snippets in the same order give the same text, whatever the prefix, so that an engine's cache holds.
"""

from pathlib import PurePosixPath

from lsp_server.engine.protocol import CompletionRequest

_COMMENTS = {
    "#": "bash cfg cmake conf ex exs ini jl mk nix php pl ps1 py pyi r rb sh tf toml yaml yml zsh",
    "--": "ada elm hs lua sql vhd",
    ";": "asm clj el lisp scm",
    "%": "erl tex",
    "<!--": "htm html md svg vue xml",
    "/*": "css",
}
_MARK_OF = {suffix: mark for mark, suffixes in _COMMENTS.items() for suffix in suffixes.split()}
_END_OF = {"<!--": " -->", "/*": " */"}


def text_before(request: CompletionRequest) -> str:
    """Return the snippets of `request`, then its prefix; the prefix alone where there are none."""
    if not request.snippets:
        return request.prefix
    pieces = [f"{_heading(snippet.path)}{snippet.text.rstrip()}\n\n" for snippet in request.snippets]
    return "".join((*pieces, _heading(request.path or "untitled"), request.prefix))


def _heading(path: str) -> str:
    suffix = PurePosixPath(path.removesuffix(".diff")).suffix.lstrip(".").lower()
    mark = _MARK_OF.get(suffix, "//")
    return f"{mark} {path}{_END_OF.get(mark, '')}\n"
