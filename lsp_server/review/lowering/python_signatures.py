"""Python's parameters and type annotations. Pure."""

import tree_sitter

from lsp_server.review.ir import Expression, Parameter
from lsp_server.review.lowering.python_text import Lower
from lsp_server.review.lowering.walk import named

_WRAPPERS = frozenset({"Optional", "Annotated", "Final", "ClassVar", "Required", "NotRequired", "ReadOnly", "Union"})
_SPLATS = frozenset({"list_splat_pattern", "dictionary_splat_pattern"})


def parameters_of(node: tree_sitter.Node | None, lower: Lower) -> tuple[Parameter, ...]:
    """Lower `parameters` or `lambda_parameters`; the marks `/` and `*` are left out."""
    if node is None:
        return ()
    lowered = (_parameter(child, lower) for child in named(node))
    return tuple(parameter for parameter in lowered if parameter is not None)


def _parameter(node: tree_sitter.Node, lower: Lower) -> Parameter | None:
    match node.type:
        case "identifier":
            return Parameter(text_of(node))
        case "list_splat_pattern" | "dictionary_splat_pattern":
            return Parameter(_splat_name(node), is_rest=True)
        case "default_parameter" | "typed_default_parameter":
            name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
            default: Expression | None = lower(value) if value is not None else None
            if name is None or name.type != "identifier":
                return None
            return Parameter(text_of(name), type_name(node.child_by_field_name("type")), default)
        case "typed_parameter":
            first = node.named_children[0]
            is_rest = first.type in _SPLATS
            name_text = _splat_name(first) if is_rest else text_of(first)
            return Parameter(name_text, type_name(node.child_by_field_name("type")), is_rest=is_rest)
    return None


def _splat_name(node: tree_sitter.Node) -> str:
    return text_of(node.named_children[0]) if node.named_child_count else ""


def text_of(node: tree_sitter.Node) -> str:
    """Return the source text of `node`."""
    return (node.text or b"").decode("utf-8", "replace")


def type_name(node: tree_sitter.Node | None) -> str | None:
    """Return the dotted name of an annotation without its generics, None where it has none.

    Of `X | None`, `Optional[X]` and `Annotated[X, ...]` it is that of X.
    """
    for _ in range(10):
        if node is None:
            return None
        match node.type:
            case "type" | "parenthesized_expression":
                node = _first(node)
            case "identifier" | "attribute":
                return dotted(node)
            case "member_type":
                return text_of(node).replace(" ", "")
            case "string":
                return _quoted(text_of(node).strip("'\""))
            case "generic_type" | "subscript":
                inner = named(node)
                outer = dotted(inner[0]) or ""
                if outer.rpartition(".")[2] not in _WRAPPERS or len(inner) < 2:
                    return outer or None
                node = _first(inner[1]) if inner[1].type == "type_parameter" else inner[1]
            case "union_type" | "binary_operator":
                sides = [side for side in named(node) if text_of(side) != "None"]
                node = sides[0] if sides else None
            case _:
                return None
    return None


def _first(node: tree_sitter.Node) -> tree_sitter.Node | None:
    inner = named(node)
    return inner[0] if inner else None


def _quoted(annotation: str) -> str | None:
    name = annotation.split("[", 1)[0].split("|", 1)[0].strip()
    return name if name.replace(".", "").isidentifier() else None


def dotted(node: tree_sitter.Node) -> str | None:
    """Return `a.b.c` of identifiers and attributes; None for anything else."""
    names: list[str] = []
    while node.type == "attribute":
        base, name = node.child_by_field_name("object"), node.child_by_field_name("attribute")
        if base is None or name is None:
            return None
        names.append(text_of(name))
        node = base
    if node.type not in {"identifier", "dotted_name"}:
        return None
    return ".".join([text_of(node), *reversed(names)])
