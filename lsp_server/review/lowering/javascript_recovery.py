"""Functions and calls of which the parser only left the pieces, put together again. Pure.

Invariant: pieces keep their order; each is read once. What follows the head of a function that nothing closes is its
body.
"""

from typing import Final

import tree_sitter

from lsp_server.review import ir
from lsp_server.review.lowering.javascript_functions import Functions
from lsp_server.review.lowering.javascript_terms import text_of

_MOST_PIECES: Final = 4000
_MOST_LEVELS: Final = 12  # functions inside each other
_WORDS: Final = frozenset({"function", "async", "=>", "=", "(", ",", "const", "let", "var", "return", "await", "new"})


class Recovery(Functions):
    """Adds what stands in ERROR nodes to the functions."""

    def statement(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower the statement `node`."""
        raise NotImplementedError

    def recovered(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower the children of `node`, of which some are ERRORs."""
        return self._read(_pieces(node)[:_MOST_PIECES], 0)

    def _read(self, pieces: list[tree_sitter.Node], level: int) -> list[ir.Statement]:
        found: list[ir.Statement] = []
        at = 0
        while at < len(pieces):
            head = _head_from(pieces, at) if level < _MOST_LEVELS else None
            if head is None:
                return found + self._plain(pieces[at:])
            begin = _begin_of(pieces, at, head)
            found += self._plain(pieces[at:begin])
            end = _end_of(pieces, head + 1)
            found.append(self._function_of(pieces, (begin, head, end), level))
            at = end
        return found

    def _plain(self, pieces: list[tree_sitter.Node]) -> list[ir.Statement]:
        return [lowered for piece in pieces if piece.is_named for lowered in self.statement(piece)]

    def _function_of(self, pieces: list[tree_sitter.Node], where: tuple[int, int, int], level: int) -> ir.Statement:
        """Lower the function whose head is at `head`; where it is handed to a call, the call."""
        begin, head, end = where
        span = ir.Span(pieces[begin].start_byte, pieces[end - 1].end_byte)
        parameters, prologue = self._head_parameters(pieces[head])
        body = tuple(self._read(pieces[head + 1 : end], level + 1))
        before = pieces[begin:head]
        name = next((text_of(piece) for piece in before[-1:] if piece.type == "identifier" and _is_named(before)), "")
        function = ir.Function(
            span, name, ir.Span(span.start, span.start), parameters, (*prologue, *body), is_broken=True
        )
        self.functions.append(function)
        opened = next((index for index, piece in enumerate(before) if piece.type == "("), None)
        if not opened or not before[opened - 1].is_named:
            return function if name else ir.Evaluate(span, ir.Closure(span, function))
        given = [self.expression(piece) for piece in before[opened + 1 :] if piece.is_named and piece.type != "comment"]
        closure = ir.Closure(span, function)
        arguments = tuple(ir.Argument(value) for value in (*given, closure))
        return ir.Evaluate(span, ir.Call(span, self.expression(before[opened - 1]), arguments))

    def _head_parameters(self, node: tree_sitter.Node) -> tuple[tuple[ir.Parameter, ...], list[ir.Statement]]:
        prologue: list[ir.Statement] = []
        if node.type != "formal_parameters":
            return (ir.Parameter(text_of(node)),), prologue
        return self.listed_parameters(node, prologue), prologue


def _pieces(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Return the children of `node`, in place of each ERROR what is in it."""
    found: list[tree_sitter.Node] = []
    pending = list(reversed(node.children))
    while pending and len(found) < _MOST_PIECES:
        child = pending.pop()
        if child.type == "ERROR":
            pending += reversed(child.children)
        else:
            found.append(child)
    return found


def _head_from(pieces: list[tree_sitter.Node], at: int) -> int | None:
    """Return where the next parameters of a function without a body stand."""
    for index in range(at, len(pieces)):
        if pieces[index].type == "formal_parameters":
            return index
        if pieces[index].type == "identifier" and index + 1 < len(pieces) and pieces[index + 1].type == "=>":
            return index
    return None


def _begin_of(pieces: list[tree_sitter.Node], at: int, head: int) -> int:
    """Return where the call, or the function itself, begins to whose head the pieces before `head` belong."""
    index = head
    while index > at and (pieces[index - 1].type in _WORDS or _is_operand(pieces, index - 1)):
        index -= 1
    return index


def _is_operand(pieces: list[tree_sitter.Node], index: int) -> bool:
    """Tell whether an argument, or what is called, stands at `index`."""
    return (
        pieces[index].is_named
        and index + 1 < len(pieces)
        and pieces[index + 1].type
        in {"(", ",", "="} | ({"formal_parameters"} if index and pieces[index - 1].type == "function" else set())
    )


def _end_of(pieces: list[tree_sitter.Node], start: int) -> int:
    """Return where the body that begins at `start` is closed, or the end of all."""
    depth = 0
    for index in range(start, len(pieces)):
        if pieces[index].type == "{":
            depth += 1
        elif pieces[index].type == "}":
            depth -= 1
            if depth <= 0:
                return index + 1
    return len(pieces)


def _is_named(before: list[tree_sitter.Node]) -> bool:
    return len(before) > 1 and before[-2].type == "function"
