"""Language identifier -> tree-sitter grammar. Pure.

Invariant: a grammar is imported when it is first asked for, and never again asked for once it could not be loaded; to
whoever asks, a grammar that cannot be loaded is as if there were none.
"""

import importlib
import logging
from functools import cache

import tree_sitter

_log = logging.getLogger(__name__)

# Language identifier -> the grammar's module, and the function in it that returns the grammar.
_SOURCES = {
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "csharp": ("tree_sitter_c_sharp", "language"),
    "css": ("tree_sitter_css", "language"),
    "go": ("tree_sitter_go", "language"),
    "html": ("tree_sitter_html", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "javascriptreact": ("tree_sitter_javascript", "language"),
    "json": ("tree_sitter_json", "language"),
    "jsonc": ("tree_sitter_json", "language"),
    "kotlin": ("tree_sitter_kotlin", "language"),
    "lua": ("tree_sitter_lua", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "python": ("tree_sitter_python", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "shellscript": ("tree_sitter_bash", "language"),
    "swift": ("tree_sitter_swift", "language"),
    "toml": ("tree_sitter_toml", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "typescriptreact": ("tree_sitter_typescript", "language_tsx"),
    "yaml": ("tree_sitter_yaml", "language"),
}

LANGUAGES = frozenset(_SOURCES)
"""The identifiers that have a grammar."""


@cache
def grammar_of(language_id: str) -> tree_sitter.Language | None:
    """Return the grammar of `language_id`; None where there is none, or where it cannot be loaded."""
    source = _SOURCES.get(language_id)
    if source is None:
        return None
    module, function = source
    try:
        return tree_sitter.Language(getattr(importlib.import_module(module), function)())
    except (ImportError, AttributeError, OSError, ValueError) as error:
        _log.warning("no grammar for %s: %s", language_id, error)
        return None
