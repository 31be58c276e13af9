"""How a method of a Python class is called: on an instance or not, and whether one can be made from nothing. Pure."""

import re

import tree_sitter

from lsp_server.tests_for.python_source import tree_of, words_of

_OPTIONAL = frozenset(
    {
        "default_parameter",
        "typed_default_parameter",
        "list_splat_pattern",
        "dictionary_splat_pattern",
        "keyword_separator",
    }
)
_UNBOUND = re.compile(r"^\s*@(?:staticmethod|classmethod)\b", re.MULTILINE)


def takes_self(text: str) -> bool:
    """Tell whether `text`, a method with its decorators, is called on an instance."""
    head = text.partition("def ")[0]
    return _UNBOUND.search(head) is None and "@property" not in head


def is_made_without_arguments(owner: str, text: str) -> bool:
    """Tell whether the class `owner` of the file `text` surely needs no arguments to be made."""
    for node in tree_of(text).named_children:
        decorated = node.type == "decorated_definition"
        inner = node.child_by_field_name("definition") if decorated else node
        if inner is None or inner.type != "class_definition" or words_of(inner.child_by_field_name("name")) != owner:
            continue
        bases = inner.child_by_field_name("superclasses")
        if decorated or (bases is not None and words_of(bases) not in ("()", "(object)")):
            return False
        body = inner.child_by_field_name("body")
        return all(map(_needs_nothing, body.named_children if body is not None else ()))
    return False


def _needs_nothing(member: tree_sitter.Node) -> bool:
    """Tell whether `member` leaves it possible to make its class without arguments."""
    if member.type != "function_definition" or words_of(member.child_by_field_name("name")) not in (
        "__init__",
        "__new__",
    ):
        return True
    parameters = member.child_by_field_name("parameters")
    given = [each for each in parameters.named_children if each.type != "comment"] if parameters is not None else []
    return all(each.type in _OPTIONAL or words_of(each).startswith("*") for each in given[1:])
