"""What of a test nothing needs any more once some of its claims are gone. Pure.

Invariant: only names that the test as it was did read, and nothing reads now, are taken out, and what is set behind all
that could read it.
"""

import ast
import io
import tokenize
from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef


def function_in(text: str) -> Function | None:
    """Return the one function that `text` is; None where it is something else."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return None
    return body[0] if len(body) == 1 and isinstance(body[0], Function) else None


def without_leftovers(text: str, before: str, *, keeps_docstring: bool = True) -> str:
    """Return the test `text`, which was `before`, without what is set for nothing and without lines of comment."""
    old, now = function_in(before), function_in(text)
    while old is not None and now is not None:
        lost = _read_in(old) - _read_in(now)
        gone = [each for each in now.body if _sets_only(each, lost)] or _set_last(now)
        if not gone:
            break
        text = _without_lines(text, {line for each in gone for line in _lines_of(each)})
        now = function_in(text)
    first = now.body[0] if now is not None else None
    if not keeps_docstring and isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        text = _without_lines(text, set(_lines_of(first)))
    return _without_lines(text, set(_comment_lines(text)))


def _read_in(function: Function) -> set[str]:
    return {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _sets_only(statement: ast.stmt, names: set[str]) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return bool(targets) and all(isinstance(target, ast.Name) and target.id in names for target in targets)


def _set_last(function: Function) -> list[ast.stmt]:
    """Return the last statement if it sets names, which nothing can read any more."""
    last = function.body[-1]
    names = {node.id for node in ast.walk(last) if isinstance(node, ast.Name)}
    return [last] if len(function.body) > 1 and _sets_only(last, names) else []


def _lines_of(statement: ast.stmt) -> range:
    return range(statement.lineno - 1, statement.end_lineno or statement.lineno)


def _comment_lines(text: str) -> Iterator[int]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip():
            yield token.start[0] - 1


def _without_lines(text: str, gone: set[int]) -> str:
    return "\n".join(line for number, line in enumerate(text.split("\n")) if number not in gone)
