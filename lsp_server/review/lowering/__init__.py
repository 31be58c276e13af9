"""Syntax trees of each language -> the one form that the taint engine reads (`review.ir`). Pure.

Invariant: a language without a lowering, or whose grammar cannot be loaded, is no error: there is nothing to review.
"""

import importlib
from collections.abc import Callable
from functools import cache
from typing import cast

import tree_sitter

from lsp_server.grammars import grammar_of
from lsp_server.review.ir import Program
from lsp_server.review.lowering.walk import NONE_HOLLOW, Hollow

Lower = Callable[[tree_sitter.Node, bytes, str, Hollow], Program]

# Language identifier -> the module beside this one that reads its trees.
_MODULES = {
    "python": "python",
    "javascript": "javascript",
    "javascriptreact": "javascript",
    "typescript": "javascript",
    "typescriptreact": "javascript",
    "html": "javascript",
    "java": "java",
    "go": "go",
    "c": "c",
    "cpp": "c",
    "ruby": "ruby",
    "php": "php",
    "csharp": "csharp",
}


def lower(
    source: bytes, language_id: str, tree: tree_sitter.Tree | None = None, hollow: Hollow = NONE_HOLLOW
) -> Program | None:
    """Return the program that `source`, UTF-8, holds; None for a language that is not read.

    tree: of exactly this source, where there is one already. hollow: functions whose bodies are left out.
    """
    lower_root = _lowering_of(language_id)
    if lower_root is None:
        return None
    tree = tree or parse(source, language_id)
    return lower_root(tree.root_node, source, language_id, hollow) if tree is not None else None


def parse(source: bytes, language_id: str, old: tree_sitter.Tree | None = None) -> tree_sitter.Tree | None:
    """Return the syntax tree of `source`, UTF-8; None for a language without a grammar.

    old: the tree of what `source` was before an edit that was told to it; the parts it shares are not parsed again.
    """
    parser = _parser_of(language_id)
    if parser is None:
        return None
    return parser.parse(source) if old is None else parser.parse(source, old)


@cache
def _lowering_of(language_id: str) -> Lower | None:
    """Return the function that reads trees of `language_id`."""
    module = _MODULES.get(language_id)
    if module is None:
        return None
    try:
        return cast("Lower", importlib.import_module(f"{__name__}.{module}").lower)
    except ModuleNotFoundError:
        return None


@cache
def _parser_of(language_id: str) -> tree_sitter.Parser | None:
    grammar = grammar_of(language_id)
    return tree_sitter.Parser(grammar) if grammar is not None else None
