"""Statements of JavaScript and TypeScript -> `review.ir`. Pure.

Invariant: statements keep their order; what has no effect at run time (types, interfaces, ambient declarations) leaves
no trace; a part that cannot be parsed is lowered as far as it can be.
"""

from collections.abc import Callable
from typing import Final

import tree_sitter

from lsp_server.review import ir
from lsp_server.review.lowering.javascript_expressions import name_of_target
from lsp_server.review.lowering.javascript_recovery import Recovery
from lsp_server.review.lowering.javascript_terms import (
    children_of,
    content_type,
    module_path,
    span_of,
    string_value,
    text_of,
    type_name,
)

_MAX_DEPTH: Final = 110
_MAX_CHAIN: Final = 24  # cases of a switch that become nested Ifs
_NOTHING: Final = frozenset({
    "comment", "html_comment", "empty_statement", "debugger_statement", "interface_declaration", "function_signature",
    "type_alias_declaration", "ambient_declaration", "hash_bang_line", "import_alias",
})  # fmt: skip
_FUNCTION_VALUES: Final = frozenset({"arrow_function", "function_expression", "generator_function"})


class Statements(Recovery):
    """Turns statement nodes into `ir` statements."""

    def __init__(self) -> None:
        super().__init__()
        self._in_switch = False
        self._statements: dict[str, Callable[[tree_sitter.Node], list[ir.Statement]]] = {
            "abstract_class_declaration": lambda node: [self.class_of(node)],
            "break_statement": self._break,
            "class_declaration": lambda node: [self.class_of(node)],
            "continue_statement": lambda node: [ir.Leave(span_of(node))],
            "do_statement": self._while,
            "enum_declaration": self._enum,
            "export_statement": self._export,
            "expression_statement": self._expression_statement,
            "for_in_statement": self._for_in,
            "for_statement": self._for,
            "function_declaration": lambda node: [self.function(node)],
            "generator_function_declaration": lambda node: [self.function(node)],
            "if_statement": self._if,
            "import_statement": self._import,
            "internal_module": lambda node: self._block_statement(node, node.child_by_field_name("body")),
            "labeled_statement": lambda node: self._block_statement(node, node.child_by_field_name("body")),
            "lexical_declaration": self._declaration,
            "module": lambda node: self._block_statement(node, node.child_by_field_name("body")),
            "return_statement": self._return,
            "statement_block": lambda node: self._block_statement(node, node),
            "switch_statement": self._switch,
            "throw_statement": lambda node: [ir.Leave(span_of(node), self._only(node))],
            "try_statement": self._try,
            "using_declaration": self._declaration,
            "variable_declaration": self._declaration,
            "while_statement": self._while,
            "with_statement": lambda node: [
                ir.Evaluate(span_of(node), self.expression(node.child_by_field_name("object"))),
                *self._block_statement(node, node.child_by_field_name("body")),
            ],
        }

    def block(self, node: tree_sitter.Node | None) -> tuple[ir.Statement, ...]:
        """Lower the statements of the block `node`, or the one statement that stands for a block."""
        if node is None:
            return ()
        if node.has_error and any(child.type == "ERROR" for child in node.children):
            return tuple(self.recovered(node))
        if node.type in {"statement_block", "program"}:
            return tuple(lowered for child in node.named_children for lowered in self.statement(child))
        return tuple(self.statement(node))

    def function(
        self, node: tree_sitter.Node, name: str = "", name_node: tree_sitter.Node | None = None
    ) -> ir.Function:
        """Lower a function; a `break` inside it is not one of the `switch` around it."""
        outer, self._in_switch = self._in_switch, False
        try:
            return super().function(node, name, name_node)
        finally:
            self._in_switch = outer

    def statement(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower `node`; the statements that its expressions need come before it."""
        if node.type in _NOTHING:
            return []
        if self._depth >= _MAX_DEPTH:
            return [ir.Evaluate(span_of(node), ir.Unknown(span_of(node)))]
        outer, self.pending = self.pending, []
        self._depth += 1
        try:
            reader = self._statements.get(node.type)
            lowered = reader(node) if reader is not None else self._other(node)
            return [*self.pending, *lowered]
        finally:
            self._depth -= 1
            self.pending = outer

    def _other(self, node: tree_sitter.Node) -> list[ir.Statement]:
        if node.type == "ERROR":
            return self.recovered(node)
        return [ir.Evaluate(span_of(node), self.expression(node))]

    def _only(self, node: tree_sitter.Node) -> ir.Expression | None:
        inner = children_of(node)
        return self.expression(inner[0]) if inner else None

    def _block_statement(self, node: tree_sitter.Node, body: tree_sitter.Node | None) -> list[ir.Statement]:
        return [ir.Block(span_of(node), self.block(body))]

    def _return(self, node: tree_sitter.Node) -> list[ir.Statement]:
        return [ir.Return(span_of(node), self._only(node))]

    def _break(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower `break`; that of a `switch` goes on behind it, as the Ifs do that it becomes."""
        return [] if self._in_switch and node.child_by_field_name("label") is None else [ir.Leave(span_of(node))]

    def _expression_statement(self, node: tree_sitter.Node) -> list[ir.Statement]:
        return [lowered for child in children_of(node) for lowered in self._effect(child)]

    def _effect(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower an expression that stands for its effect: what it decides are Ifs, what it assigns are Assigns."""
        while node.type in {"parenthesized_expression", "await_expression"} and (inner := children_of(node)):
            node = inner[0]
        match node.type:
            case "assignment_expression":
                return self._assign(node)
            case "augmented_assignment_expression":
                target = self.expression(node.child_by_field_name("left"))
                if text_of(node.child_by_field_name("operator")) == "+=":
                    value = self.expression(node.child_by_field_name("right"))
                    return [ir.Assign(span_of(node), target, value, is_augmented=True)]
                return [ir.Assign(span_of(node), target, self.augmented_value(node, target))]
            case "sequence_expression" if self._depth < _MAX_DEPTH:
                return [lowered for child in children_of(node) for lowered in self._effect(child)]
            case "binary_expression" if (
                text_of(node.child_by_field_name("operator")) in {"&&", "||"} and self._depth < _MAX_DEPTH
            ):
                return self._short_circuit(node)
            case "ternary_expression":
                test = self.test(node.child_by_field_name("condition"))
                branches = [self._effects(node.child_by_field_name(field)) for field in ("consequence", "alternative")]
                return [ir.If(span_of(node), test, *branches)]
        value = self.expression(node)
        return [ir.Evaluate(span_of(node), value), *content_type(value)]

    def _effects(self, node: tree_sitter.Node | None) -> tuple[ir.Statement, ...]:
        self._depth += 1
        try:
            return tuple(self._effect(node)) if node is not None and self._depth < _MAX_DEPTH else ()
        finally:
            self._depth -= 1

    def _short_circuit(self, node: tree_sitter.Node) -> list[ir.Statement]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        test = self.test(left)
        if text_of(node.child_by_field_name("operator")) == "||":
            test = ir.Not(test.span, test)
        return [ir.If(span_of(node), test, self._effects(right))]

    def _assign(self, node: tree_sitter.Node) -> list[ir.Statement]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return [ir.Evaluate(span_of(node), self.expression(right))]
        target = self.pattern(left)
        if right.type == "class":
            return self._named_class(right, target)
        value = self.expression(right, name_of_target(target))
        listener = _listener(span_of(node), target, value)
        return [listener] if listener is not None else [ir.Assign(span_of(node), target, value), *self.defaults(left)]

    def _named_class(self, node: tree_sitter.Node, target: ir.Expression) -> list[ir.Statement]:
        """Lower `target = class {}`; a class with a name of its own is known by both."""
        lowered = self.class_of(node, name_of_target(target))
        if isinstance(target, ir.Name) and target.name == lowered.name:
            return [lowered]
        return [lowered, ir.Assign(target.span, target, ir.Name(lowered.name_span, lowered.name))]

    def _declaration(self, node: tree_sitter.Node) -> list[ir.Statement]:
        return [
            lowered
            for child in children_of(node)
            if child.type == "variable_declarator"
            for lowered in self._declarator(child)
        ]

    def _declarator(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower `name = value`: a function is a Function of that name, a required module an Import."""
        left, right = node.child_by_field_name("name"), node.child_by_field_name("value")
        if left is None:
            return []
        declared = type_name(node.child_by_field_name("type"))
        if left.type == "identifier" and right is not None:
            if right.type in _FUNCTION_VALUES:
                return [self.function(right, name_node=left)]
            if right.type == "class":
                return self._named_class(right, ir.Name(span_of(left), text_of(left)))
        target = self.pattern(left)
        if right is None:
            return [ir.Assign(span_of(node), target, ir.Constant(span_of(node), None), type_name=declared)]
        value = self.expression(right, name_of_target(target))
        if imports := self._imports_of(node, target, value):
            return [*imports, *self.defaults(left)]
        return [ir.Assign(span_of(node), target, value, type_name=declared), *self.defaults(left)]

    def _imports_of(self, node: tree_sitter.Node, target: ir.Expression, value: ir.Expression) -> list[ir.Statement]:
        """Return what a declaration of (parts of) a required module imports; nothing for another value."""
        attributes: list[str] = []
        while isinstance(value, ir.Attribute):
            attributes.append(value.name)
            value = value.base
        required = self.modules.get(value.name) if isinstance(value, ir.Name) else None
        if required is None:
            return []
        path = ".".join([required.path, *reversed(attributes)])
        if isinstance(target, ir.Name):
            return [ir.Import(span_of(node), target.name, path)]
        if not isinstance(target, ir.Collection):
            return []
        return [
            ir.Import(part.span, part.name, f"{path}.{key.value!s}")
            for key, part in target.entries
            if isinstance(part, ir.Name) and isinstance(key, ir.Constant)
        ]

    def _import(self, node: tree_sitter.Node) -> list[ir.Statement]:
        source = node.child_by_field_name("source")
        clauses = [child for child in node.children if child.type in {"import_clause", "import_require_clause"}]
        found: list[ir.Statement] = []
        for clause in clauses:
            module = source or clause.child_by_field_name("source")
            path = module_path(string_value(module)) if module is not None else ""
            for child in children_of(clause):
                if child.type == "identifier":
                    found.append(ir.Import(span_of(child), text_of(child), path))
                elif child.type == "namespace_import":
                    found.append(ir.Import(span_of(child), text_of(next(iter(children_of(child)), None)), path))
                elif child.type == "named_imports":
                    found += [
                        _imported(specifier, path)
                        for specifier in children_of(child)
                        if specifier.type == "import_specifier"
                    ]
        return found

    def _export(self, node: tree_sitter.Node) -> list[ir.Statement]:
        declaration, value = node.child_by_field_name("declaration"), node.child_by_field_name("value")
        if declaration is not None:
            return self.statement(declaration)
        if value is None:
            return []
        if value.type in _FUNCTION_VALUES:
            return [self.function(value, "default")]
        if value.type == "class":
            return [self.class_of(value, "default")]
        target = ir.Attribute(span_of(node), ir.Name(span_of(node), "exports"), "default")
        return [ir.Assign(span_of(node), target, self.expression(value))]

    def _enum(self, node: tree_sitter.Node) -> list[ir.Statement]:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        entries: list[tuple[ir.Expression | None, ir.Expression]] = []
        for child in children_of(body) if body is not None else []:
            key, value = child.child_by_field_name("name"), child.child_by_field_name("value")
            text = ir.Constant(span_of(child), text_of(key or child).strip("\"'"))
            entries.append((text, self.expression(value) if value is not None else text))
        return [
            ir.Assign(
                span_of(node),
                ir.Name(span_of(name or node), text_of(name)),
                ir.Collection(span_of(node), tuple(entries)),
            )
        ]

    def _if(self, node: tree_sitter.Node) -> list[ir.Statement]:
        test = self.test(node.child_by_field_name("condition"))
        then = self.block(node.child_by_field_name("consequence"))
        alternative = node.child_by_field_name("alternative")
        otherwise = (
            [lowered for child in children_of(alternative) for lowered in self.block(child)]
            if alternative is not None
            else []
        )
        return [ir.If(span_of(node), test, then, tuple(otherwise))]

    def _loop_body(self, node: tree_sitter.Node) -> tuple[ir.Statement, ...]:
        outer, self._in_switch = self._in_switch, False
        body = self.block(node.child_by_field_name("body"))
        self._in_switch = outer
        return body

    def _while(self, node: tree_sitter.Node) -> list[ir.Statement]:
        test = self.test(node.child_by_field_name("condition"))
        return [ir.Loop(span_of(node), None, None, test, self._loop_body(node))]

    def _for(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """`for (start; test; step)`: the start before the loop, the step at the end of its body."""
        start = node.child_by_field_name("initializer")
        before = self.statement(start) if start is not None and start.is_named else []
        condition, increment = node.child_by_field_name("condition"), node.child_by_field_name("increment")
        test = (
            self.test(condition) if condition is not None and condition.type not in {"empty_statement", ";"} else None
        )
        step = self._effects(increment)
        loop = ir.Loop(span_of(node), None, None, test, (*self._loop_body(node), *step))
        return [ir.Block(span_of(node), (*before, loop))] if before else [loop]

    def _for_in(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """`for (x of xs)`; `for (key in value)` goes through what `Object.keys` returns."""
        left = node.child_by_field_name("left")
        target = self.pattern(left) if left is not None else None
        iterable = self.expression(node.child_by_field_name("right"))
        if text_of(node.child_by_field_name("operator")) == "in":
            keys = ir.Attribute(iterable.span, ir.Name(iterable.span, "Object"), "keys")
            iterable = ir.Call(iterable.span, keys, (ir.Argument(iterable),))
        defaults = self.defaults(left) if left is not None else []
        return [ir.Loop(span_of(node), target, iterable, None, (*defaults, *self._loop_body(node)))]

    def _try(self, node: tree_sitter.Node) -> list[ir.Statement]:
        handler, final = node.child_by_field_name("handler"), node.child_by_field_name("finalizer")
        handlers: list[tuple[ir.Statement, ...]] = []
        if handler is not None:
            caught = handler.child_by_field_name("parameter")
            bound = (
                [ir.Assign(span_of(caught), self.pattern(caught), ir.Unknown(span_of(caught)))]
                if caught is not None
                else []
            )
            handlers.append((*bound, *self.block(handler.child_by_field_name("body"))))
        last = self.block(final.child_by_field_name("body")) if final is not None else ()
        return [ir.Try(span_of(node), self.block(node.child_by_field_name("body")), tuple(handlers), last)]

    def _switch(self, node: tree_sitter.Node) -> list[ir.Statement]:
        """Lower a `switch` to a chain of Ifs; cases that share a block are one.

        Of more than `_MAX_CHAIN` cases the Ifs stand one after the other.
        """
        subject, body = self.expression(node.child_by_field_name("value")), node.child_by_field_name("body")
        outer, self._in_switch = self._in_switch, True
        tests: list[ir.Expression] = []
        groups: list[tuple[ir.Expression, tuple[ir.Statement, ...]]] = []
        otherwise: tuple[ir.Statement, ...] = ()
        is_default = False
        for case in children_of(body) if body is not None else []:
            value = case.child_by_field_name("value")
            if value is not None:
                tests.append(ir.Comparison(span_of(value), "==", subject, self.expression(value)))
            is_default = is_default or case.type == "switch_default"
            own = case.children_by_field_name("body")
            statements = tuple(lowered for child in own for lowered in self.statement(child))
            if not own:
                continue
            if is_default:
                otherwise = statements
            elif tests:
                groups.append((tests[0] if len(tests) == 1 else ir.Either(tests[0].span, tuple(tests)), statements))
            tests, is_default = [], False
        self._in_switch = outer
        return _chained(span_of(node), groups, otherwise)


def _listener(span: ir.Span, target: ir.Expression, value: ir.Expression) -> ir.Statement | None:
    """Return `x.onmessage = function` as `x.addEventListener("message", function)`; None for another assignment."""
    if not isinstance(value, ir.Closure) or not isinstance(target, ir.Attribute | ir.Name):
        return None
    if not target.name.startswith("on") or not target.name.islower() or len(target.name) < 4:
        return None
    event = ir.Argument(ir.Constant(target.span, target.name[2:]))
    base = target.base if isinstance(target, ir.Attribute) else ir.Name(target.span, "window")
    callee = ir.Attribute(target.span, base, "addEventListener")
    return ir.Evaluate(span, ir.Call(span, callee, (event, ir.Argument(value))))


def _chained(
    span: ir.Span, groups: list[tuple[ir.Expression, tuple[ir.Statement, ...]]], otherwise: tuple[ir.Statement, ...]
) -> list[ir.Statement]:
    if len(groups) > _MAX_CHAIN:
        flat: list[ir.Statement] = [ir.If(test.span, test, then) for test, then in groups]
        return [*flat, ir.If(span, ir.Unknown(span), otherwise)]
    for test, then in reversed(groups):
        otherwise = (ir.If(ir.Span(test.span.start, span.end), test, then, otherwise),)
    return list(otherwise)


def _imported(specifier: tree_sitter.Node, path: str) -> ir.Statement:
    name, alias = specifier.child_by_field_name("name"), specifier.child_by_field_name("alias")
    imported = text_of(name)
    return ir.Import(
        span_of(specifier), text_of(alias or name), path if imported == "default" else f"{path}.{imported}"
    )
