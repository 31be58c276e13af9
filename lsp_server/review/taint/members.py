"""Reading what is inside a value: attributes, elements, members of the file's classes."""

from typing import TYPE_CHECKING

from lsp_server.review import ir
from lsp_server.review.taint.functions import ClassInfo, FunctionInfo, Instance
from lsp_server.review.taint.matching import Site
from lsp_server.review.taint.sources import from_names, from_paths
from lsp_server.review.taint.values import ANY, Key, Value

if TYPE_CHECKING:
    from lsp_server.review.taint.walk import Walk


def member(walk: "Walk", base: Value, name: str, span: ir.Span) -> Value:
    """Return what attribute `name` of `base` is, read at `span`."""
    value = base.element(name)
    if base.elements is not None and name in base.elements:
        return value
    for owner in base.callables:
        value = _of_class(owner, name, value)
    if name == "length" and value.taints:
        return value._replace(taints=())  # a number
    value = from_paths(walk, value, span)
    return from_names(walk, value, name, span)


def _of_class(owner: "FunctionInfo | ClassInfo | Instance", name: str, value: Value) -> Value:
    """Return `value` with what the class of the file says of attribute `name`."""
    info = owner.of if isinstance(owner, Instance) else owner
    if not isinstance(info, ClassInfo):
        return value
    method = info.method(name)
    if method is not None:
        return value._replace(callables=(method,))
    field = info.field(name)
    if field is None:
        return value
    return field._replace(paths=tuple(dict.fromkeys((*field.paths, *value.paths))))


def item_site(path: str, expression: ir.Item, base: Value, key: Value, *more: tuple[ir.Expression, Value]) -> Site:
    """Return what stands for reading, setting or calling `base[key]`."""
    arguments = (ir.Argument(expression.key), *(ir.Argument(each) for each, _ in more))
    values = (key, *(value for _, value in more))
    return Site(expression.span, (path,), path, expression.base, base, arguments, values)


def key_of(value: Value) -> Key:
    """Return the one constant that `value` is, ANY when it is not known."""
    if value.constants is not None and len(value.constants) == 1:
        key = value.constants[0]
        return key.decode("utf-8", "replace") if isinstance(key, bytes) else key
    return ANY
