"""What assigning does: to variables, attributes, elements and fields of classes, and to the rules that ask about it.

Invariant: a place that cannot be named (the result of a call) keeps nothing.
"""

from typing import TYPE_CHECKING

from lsp_server.review import ir
from lsp_server.review.api_paths import ANYTHING
from lsp_server.review.taint import guards
from lsp_server.review.taint.frames import Frame
from lsp_server.review.taint.functions import ClassInfo, Instance
from lsp_server.review.taint.matching import Site
from lsp_server.review.taint.members import item_site, key_of, member
from lsp_server.review.taint.values import ANY, Key, Taint, Value, join

if TYPE_CHECKING:
    from lsp_server.review.taint.walk import Walk

_TESTS = (ir.Comparison, ir.Call, ir.Not, ir.Both, ir.Either)
"""Forms whose outcome, held in a variable, is a test that was made."""

_MODULE_ONLY_WHERE_DECLARED = frozenset({"python", "ruby", "php"})
"""Languages in which assigning to a name binds it in the function, whatever is bound around it."""


def assign(
    walk: "Walk", target: ir.Expression, value: Value, written: ir.Expression, frame: Frame, is_augmented: bool = False
) -> None:
    """Let `target` be `value`, which `written` gave."""
    match target:
        case ir.Name(name=name):
            _meet_set(walk, target, (name,), None, (written, value), frame)
            _assign_name(walk, target, value, frame, is_augmented)
            frame.tests.pop(name, None)
            if isinstance(written, _TESTS):
                frame.tests[name] = written
        case ir.Attribute(base=base, name=name):
            base_value = walk.evaluate(base, frame)
            paths = tuple(f"{path}.{name}" for path in base_value.paths or (ANYTHING,))
            _meet_set(walk, target, paths, None, (written, value), frame)
            _put(walk, base, base_value, name, value.through(target.span, f"into `{name}`"), frame)
        case ir.Item(base=base, key=key):
            base_value, key_value = walk.evaluate(base, frame), walk.evaluate(key, frame)
            paths = tuple(f"{path}[]" for path in base_value.paths or (ANYTHING,))
            _meet_set(walk, target, paths, (key, key_value), (written, value), frame)
            if walk.asks("<set item>"):
                site = item_site("<set item>", target, base_value, key_value, (written, value))
                walk.meet(site, frame)
            _put(walk, base, base_value, key_of(key_value), value, frame)
        case ir.Collection(entries=entries):
            _take_apart(walk, entries, value, written, frame)
        case ir.Choice(options=options) if options:  # a target with a default value
            assign(walk, options[0], value, written, frame)
        case _:
            walk.evaluate(target, frame)


def _take_apart(
    walk: "Walk",
    entries: tuple[tuple[ir.Expression | None, ir.Expression], ...],
    value: Value,
    written: ir.Expression,
    frame: Frame,
) -> None:
    """Assign the parts of `value` to the targets that stand for them."""
    for index, (key, target) in enumerate(entries):
        name: Key = index if key is None else key_of(walk.evaluate(key, frame))
        part = member(walk, value, name, target.span) if isinstance(name, str) else value.element(name)
        assign(walk, target, part, written, frame)


def _assign_name(walk: "Walk", target: ir.Name, value: Value, frame: Frame, is_augmented: bool) -> None:
    name = target.name
    if value.taints:
        value = value.through(target.span, f"into `{name}`")
    holder = frame if name in frame.variables or walk.language in _MODULE_ONLY_WHERE_DECLARED else frame.holder_of(name)
    if holder is None or holder is frame or (holder.function is None and holder.owner is None and not is_augmented):
        walk.note_written(frame, frame, name)
        frame.variables[name] = value
        if frame.owner is not None and frame.function is None:
            frame.owner.fields[name] = value
        return
    walk.note_written(frame, holder, name)
    holder.variables[name] = join(holder.variables[name], value)
    if holder.owner is not None and holder.function is None:
        holder.owner.fields[name] = holder.variables[name]


def _put(walk: "Walk", base: ir.Expression, base_value: Value, key: Key, value: Value, frame: Frame) -> None:
    """Let what stands at `base`, which is `base_value` now, hold `value` at `key`."""
    for owner in base_value.callables:
        info = owner.of if isinstance(owner, Instance) else owner
        if isinstance(info, ClassInfo) and isinstance(key, str):
            walk.note_changed(info)
            known = info.fields.get(key)
            info.fields[key] = value if known is None else join(known, value)
    if not value.taints and base_value.elements is None and not base_value.taints and not isinstance(key, str):
        return
    rebind(walk, base, base_value.with_element(key, value), frame)


def rebind(walk: "Walk", target: ir.Expression, value: Value, frame: Frame) -> None:
    """Let the place that `target` names hold `value`, without a word to the rules. Other expressions name no place."""
    match target:
        case ir.Name(name=name):
            holder = frame if name in frame.variables else frame.holder_of(name)
            walk.note_written(frame, holder or frame, name)
            if holder is None or holder is frame:
                frame.variables[name] = value
            else:
                holder.variables[name] = join(holder.variables[name], value)
        case ir.Attribute(base=base, name=name):
            rebind(walk, base, walk.evaluate(base, frame).with_element(name, value), frame)
        case ir.Item(base=base, key=key):
            base_value = walk.evaluate(base, frame)
            rebind(walk, base, base_value.with_element(key_of(walk.evaluate(key, frame)), value), frame)


def put_into(walk: "Walk", target: ir.Expression, taints: tuple[Taint, ...], frame: Frame) -> None:
    """Let what stands at `target` hold `taints` somewhere."""
    value = walk.evaluate(target, frame)
    held = Value(taints)
    if value.elements is None and not value.paths:
        rebind(walk, target, held, frame)
    else:
        rebind(walk, target, value.with_element(ANY, held.through(target.span, "into a collection")), frame)


def enter_loop(walk: "Walk", loop: ir.Loop, frame: Frame) -> None:
    """Take up what the head of `loop` does where its body is entered."""
    if loop.iterable is not None:
        value = walk.evaluate(loop.iterable, frame)
        if loop.target is not None:
            part = value.element(ANY)
            assign(walk, loop.target, part, loop.iterable, frame)
    if loop.test is not None:
        walk.evaluate(loop.test, frame)
        guards.refine(walk, loop.test, True, frame)


def _meet_set(
    walk: "Walk",
    target: ir.Expression,
    paths: tuple[str, ...],
    key: tuple[ir.Expression, Value] | None,
    given: tuple[ir.Expression, Value],
    frame: Frame,
) -> None:
    """Tell the rules that `target` is set."""
    rules = walk.rules
    if not any(rules.set_sinks.find(path) or rules.set_dangerous.find(path) for path in paths):
        return
    named = [("value", given)] if key is None else [("value", given), ("key", key)]
    arguments = tuple(ir.Argument(expression, name) for name, (expression, _) in named)
    values = tuple(value for _, (_, value) in named)
    walk.meet_set(Site(target.span, paths, paths[0].rpartition(".")[2], arguments=arguments, values=values), frame)
