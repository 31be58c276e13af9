"""Functions and classes where they are defined, and what their parameters are."""

from typing import TYPE_CHECKING

from lsp_server.review import api_paths, ir
from lsp_server.review.taint import sources
from lsp_server.review.taint.frames import Frame, Variables
from lsp_server.review.taint.functions import ClassInfo, FunctionInfo, Instance
from lsp_server.review.taint.values import ANY, CLEAN, Symbol, Taint, Value, then, union, union_taints

if TYPE_CHECKING:
    from lsp_server.review.taint.walk import Walk

_MOST_PATHS = 4
_THIS = ("this", "self", "$this")
_WITHOUT_CLASS_SCOPE = frozenset({"python", "javascript", "ruby", "php"})
"""Languages in which a method does not see the names of its class's body."""


def define(walk: "Walk", function: ir.Function, frame: Frame) -> FunctionInfo:
    """Return what is known of `function`, which stands in `frame`."""
    info = walk.infos.get(function)
    if info is not None:
        return info
    owner = frame.owner if frame.function is None else None
    decorators = tuple(walk.evaluate(decorator, frame) for decorator in function.decorators)
    for parameter in function.parameters:
        if parameter.default is not None:
            walk.evaluate(parameter.default, frame)
    around = frame.parent if owner is not None and walk.language in _WITHOUT_CLASS_SCOPE else None
    symbol = f"{frame.symbol}.{function.name}" if frame.symbol and function.name else function.name or frame.symbol
    info = FunctionInfo(function, around or frame, symbol, walk.record, owner=owner)
    info.symbols = tuple(Symbol(info, index) for index in range(len(function.parameters)))
    info.handlers = sources.handlers_of(walk, function, decorators, owner)
    walk.infos[function] = info
    return info


def define_class(walk: "Walk", declaration: ir.Class, frame: Frame) -> ClassInfo:
    """Return what is known of the class `declaration`, after walking through its body, its methods not yet."""
    for decorator in declaration.decorators:
        walk.evaluate(decorator, frame)
    bases = [frame.find(base) for base in declaration.bases]
    own = tuple(each for base in bases if base is not None for each in base.callables if isinstance(each, ClassInfo))
    paths = [path for base in declaration.bases for path in sources.type_paths(walk, base, frame)]
    paths += [path for base in own for path in base.paths]
    symbol = f"{frame.symbol}.{declaration.name}" if frame.symbol else declaration.name
    info = ClassInfo(declaration, frame, symbol, tuple(dict.fromkeys(paths))[:_MOST_PATHS], walk.record, own)
    body = Frame({}, frame, owner=info, symbol=symbol)
    walk.execute(declaration.body, body)
    for pending in body.pending:
        if isinstance(pending, FunctionInfo) and pending.function.name:
            info.methods.setdefault(pending.function.name, pending)
        elif pending not in frame.pending:
            frame.pending.append(pending)
    return info


def parameters(walk: "Walk", info: FunctionInfo, given: dict[int, Value]) -> Variables:
    """Return the variables that `info`'s function begins with. given: what is known of parameters, by position.

    A parameter of which nothing is given or ruled stands for itself.
    """
    function, owner = info.function, info.owner
    variables: Variables = {}
    if owner is not None and walk.language != "python":
        variables |= dict.fromkeys(_THIS, _instance(owner))
    counted = sources.counted(function, owner)
    skipped = len(function.parameters) - len(counted)
    if skipped and owner is not None:
        variables[function.parameters[0].name] = _instance(owner)
    for index, parameter in enumerate(counted):
        symbol = info.symbols[index + skipped]
        value = given.get(index) or _parameter(walk, info, parameter, index, symbol)
        if parameter.is_rest:
            value = Value(value.taints, elements={ANY: value})
        variables[parameter.name] = sources.from_names(walk, value, parameter.name, function.name_span)
    return variables


def _parameter(walk: "Walk", info: FunctionInfo, parameter: ir.Parameter, index: int, symbol: Symbol) -> Value:
    span = info.function.name_span
    paths: tuple[str, ...] = ()
    taints: tuple[Taint, ...] = ()
    for handler in info.handlers:
        source = sources.outside_of(handler, index, parameter)
        if source is not None:
            taints = union_taints(taints, (sources.from_outside(source, span),))
        path = sources.type_of(handler, index, parameter)
        paths = union(paths, (path,), _MOST_PATHS) if path is not None else paths
    annotated = sources.by_decorator(walk, parameter, info.frame) if parameter.decorators else None
    if annotated is not None:
        taints = union_taints(taints, (sources.from_outside(annotated, span),))
    declared = declared_as(walk, parameter.type_name, info.frame)
    paths = union(paths, declared.paths, _MOST_PATHS) or (api_paths.ANYTHING,)
    value = Value(taints, paths, callables=declared.callables)
    value = sources.from_paths(walk, value, span)
    if not value.taints or (annotated is not None and annotated.kind == "library"):
        itself = Taint(symbol, span, then(None, span, f"`{parameter.name}`"))
        value = value._replace(taints=union_taints(value.taints, (itself,)))
    return value


def declared_as(walk: "Walk", type_name: str | None, frame: Frame) -> Value:
    """Return what is known of a value that is declared to be a `type_name`."""
    if type_name is None:
        return CLEAN
    known = frame.find(type_name)
    callables = tuple(Instance(each) for each in known.callables if isinstance(each, ClassInfo)) if known else ()
    return Value(
        paths=tuple(api_paths.result(path) for path in sources.type_paths(walk, type_name, frame)), callables=callables
    )


def _instance(owner: ClassInfo) -> Value:
    return Value(paths=tuple(api_paths.result(path) for path in owner.paths), callables=(Instance(owner),))
