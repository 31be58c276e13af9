"""Expressions of JavaScript, TypeScript and JSX -> `review.ir`. Pure.

Invariant: what only the types need (`as`, `!`, type arguments) and what only time needs (`await`, `yield`) leaves no
trace; what cannot be read is an Unknown that holds what could be.
"""

from collections.abc import Callable
from typing import Final

import tree_sitter

from lsp_server.review import ir
from lsp_server.review.lowering.javascript_literals import Literals
from lsp_server.review.lowering.javascript_terms import (
    children_of,
    comparison,
    is_identifier,
    is_own_program,
    member,
    module_path,
    number_value,
    regex_of,
    span_of,
    string_value,
    text_of,
    unwrapped,
)

_MAX_DEPTH: Final = 110  # nested nodes; each costs up to four frames of the interpreter's thousand
_TRANSPARENT: Final = frozenset({
    "parenthesized_expression", "await_expression", "yield_expression", "as_expression", "satisfies_expression",
    "non_null_expression", "instantiation_expression",
})  # fmt: skip
_FUNCTIONS: Final = frozenset({"arrow_function", "function_expression", "generator_function", "function"})
_TESTS: Final = {"===": "==", "!==": "!="}
_COMPARISONS: Final = frozenset({"==", "!=", "===", "!==", "<", ">", "<=", ">=", "in", "instanceof"})


class Expressions(Literals):
    """Turns expression nodes into `ir` expressions.

    pending: statements that an expression needs before the statement it stands in (class expressions).
    modules: name made up for each module that is required inside an expression -> its span.
    """

    def __init__(self) -> None:
        self.functions: list[ir.Function] = []
        self.pending: list[ir.Statement] = []
        self.modules: dict[str, ir.Import] = {}
        self._depth = 0
        self._readers: dict[str, Callable[[tree_sitter.Node], ir.Expression]] = {
            "assignment_expression": self._assignment,
            "augmented_assignment_expression": self._augmented,
            "array": self.array,
            "binary_expression": self._binary,
            "call_expression": self._call,
            "class": self._class_value,
            "jsx_element": self.jsx,
            "jsx_expression": self.wrapped,
            "jsx_self_closing_element": self.jsx,
            "member_expression": self._member,
            "meta_property": lambda node: ir.Name(span_of(node), text_of(node)),
            "new_expression": self._new,
            "object": self.object,
            "object_pattern": self.pattern,
            "array_pattern": self.pattern,
            "regex": regex_of,
            "sequence_expression": self._sequence,
            "string": lambda node: ir.Constant(span_of(node), string_value(node)),
            "number": lambda node: ir.Constant(span_of(node), number_value(text_of(node))),
            "subscript_expression": self._subscript,
            "template_string": self.template,
            "ternary_expression": self._ternary,
            "type_assertion": self.wrapped,
            "unary_expression": self._unary,
            "update_expression": lambda node: ir.Arithmetic(span_of(node), "++", self._operands(node)),
        }

    def function(
        self, node: tree_sitter.Node, name: str = "", name_node: tree_sitter.Node | None = None
    ) -> ir.Function:
        """Lower the function `node`; `name` where it is known from what it is assigned to."""
        raise NotImplementedError

    def class_of(self, node: tree_sitter.Node, name: str = "") -> ir.Class:
        """Lower the class `node`."""
        raise NotImplementedError

    def expression(self, node: tree_sitter.Node | None, name: str = "") -> ir.Expression:
        """Lower `node`. name: of what its value is assigned to, for functions without a name of their own."""
        if node is None:
            return ir.Unknown(ir.Span(0, 0))
        while node.type in _TRANSPARENT and (inner := children_of(node)):
            node = inner[0]
        match node.type:
            case (
                "identifier"
                | "this"
                | "super"
                | "shorthand_property_identifier"
                | "shorthand_property_identifier_pattern"
                | "import"
            ):
                return ir.Name(span_of(node), text_of(node))
            case "true" | "false":
                return ir.Constant(span_of(node), node.type == "true")
            case "null" | "undefined":
                return ir.Constant(span_of(node), None)
        if self._depth >= _MAX_DEPTH:
            return ir.Unknown(span_of(node))
        self._depth += 1
        try:
            if node.type in _FUNCTIONS:
                return ir.Closure(span_of(node), self.function(node, name))
            reader = self._readers.get(node.type)
            return reader(node) if reader is not None else ir.Unknown(span_of(node), self._operands(node))
        finally:
            self._depth -= 1

    def test(self, node: tree_sitter.Node | None) -> ir.Expression:
        """Lower `node` as a test: `&&` and `||` are Both and Either."""
        while node is not None and node.type in _TRANSPARENT and (inner := children_of(node)):
            node = inner[0]
        if node is None or self._depth >= _MAX_DEPTH:
            return ir.Unknown(span_of(node) if node is not None else ir.Span(0, 0))
        operator = (
            text_of(node.child_by_field_name("operator"))
            if node.type in {"binary_expression", "unary_expression"}
            else ""
        )
        if operator not in {"&&", "||", "!"}:
            return self.expression(node)
        self._depth += 1
        try:
            if operator == "!":
                return ir.Not(span_of(node), self.test(node.child_by_field_name("argument")))
            parts = tuple(self.test(part) for part in _chain(node, operator))
            return ir.Both(span_of(node), parts) if operator == "&&" else ir.Either(span_of(node), parts)
        finally:
            self._depth -= 1

    def _operands(self, node: tree_sitter.Node) -> tuple[ir.Expression, ...]:
        return tuple(self.expression(child) for child in children_of(node))

    def _assignment(self, node: tree_sitter.Node) -> ir.Expression:
        target, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if target is None:
            return ir.Unknown(span_of(node), self._operands(node))
        lowered = self.pattern(target)
        return ir.Assigned(span_of(node), lowered, self.expression(right, name_of_target(lowered)))

    def _augmented(self, node: tree_sitter.Node) -> ir.Expression:
        target = self.expression(node.child_by_field_name("left"))
        return ir.Assigned(span_of(node), target, self.augmented_value(node, target))

    def augmented_value(self, node: tree_sitter.Node, target: ir.Expression) -> ir.Expression:
        """Return what `target op= value` makes of the target."""
        value, operator = (
            self.expression(node.child_by_field_name("right")),
            text_of(node.child_by_field_name("operator")),
        )
        if operator == "+=":
            return ir.Join(span_of(node), (target, value))
        if operator in {"||=", "??=", "&&="}:
            return ir.Choice(span_of(node), (target, value))
        return ir.Arithmetic(span_of(node), operator.removesuffix("="), (target, value))

    def _binary(self, node: tree_sitter.Node) -> ir.Expression:
        operator, span = text_of(node.child_by_field_name("operator")), span_of(node)
        if operator == "+":
            return ir.Join(span, tuple(self.expression(part) for part in _chain(node, "+")))
        if operator == "&&":
            *tests, last = _chain(node, "&&")
            test = self.test(tests[0]) if len(tests) == 1 else ir.Both(span, tuple(self.test(part) for part in tests))
            return ir.Choice(span, (self.expression(last), ir.Constant(span, False)), test)
        if operator in {"||", "??"}:
            return ir.Choice(span, tuple(self.expression(part) for part in _chain(node, operator)))
        left, right = (
            self.expression(node.child_by_field_name("left")),
            self.expression(node.child_by_field_name("right")),
        )
        if operator in _COMPARISONS:
            return comparison(span, _TESTS.get(operator, operator), left, right)
        return ir.Arithmetic(span, operator, (left, right))

    def _call(self, node: tree_sitter.Node) -> ir.Expression:
        callee, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if arguments is not None and arguments.type == "template_string":
            return self.tagged(node, self.expression(callee), arguments)
        if callee is not None and callee.type in {"identifier", "import"} and text_of(callee) in {"require", "import"}:
            module = self._module_of(arguments)
            if module is not None:
                return self._required(node, module)
        lowered, given = self.expression(callee), self.arguments(arguments)
        return unwrapped(lowered, given) or ir.Call(span_of(node), lowered, given)

    def _module_of(self, arguments: tree_sitter.Node | None) -> str | None:
        inner = children_of(arguments) if arguments is not None else []
        value = self.expression(inner[0]) if inner and inner[0].type in {"string", "template_string"} else None
        return value.value if isinstance(value, ir.Constant) and isinstance(value.value, str) else None

    def _required(self, node: tree_sitter.Node, module: str) -> ir.Name:
        name = f"require({module})"
        self.modules.setdefault(name, ir.Import(span_of(node), name, module_path(module)))
        return ir.Name(span_of(node), name)

    def arguments(self, node: tree_sitter.Node | None) -> tuple[ir.Argument, ...]:
        """Lower the arguments of a call."""
        if node is None:
            return ()
        return tuple(
            ir.Argument(self.spread_value(child), is_spread=child.type == "spread_element")
            for child in children_of(node)
        )

    def _new(self, node: tree_sitter.Node) -> ir.Expression:
        callee = self.expression(node.child_by_field_name("constructor"))
        return ir.Call(span_of(node), callee, self.arguments(node.child_by_field_name("arguments")), is_new=True)

    def _member(self, node: tree_sitter.Node) -> ir.Expression:
        base = self.expression(node.child_by_field_name("object"))
        return member(span_of(node), base, text_of(node.child_by_field_name("property")))

    def _subscript(self, node: tree_sitter.Node) -> ir.Expression:
        base, key = (
            self.expression(node.child_by_field_name("object")),
            self.expression(node.child_by_field_name("index")),
        )
        if isinstance(key, ir.Constant) and isinstance(key.value, str) and is_identifier(key.value):
            return member(span_of(node), base, key.value)
        if is_own_program(base, key):
            return ir.Unknown(span_of(node))
        return ir.Item(span_of(node), base, key)

    def _ternary(self, node: tree_sitter.Node) -> ir.Expression:
        test = self.test(node.child_by_field_name("condition"))
        options = (
            self.expression(node.child_by_field_name("consequence")),
            self.expression(node.child_by_field_name("alternative")),
        )
        return ir.Choice(span_of(node), options, test)

    def _sequence(self, node: tree_sitter.Node) -> ir.Expression:
        *before, last = self._operands(node)
        if all(isinstance(each, ir.Constant) for each in before):
            return last
        return ir.Choice(span_of(node), (last,), ir.Unknown(span_of(node), tuple(before)))

    def _unary(self, node: tree_sitter.Node) -> ir.Expression:
        operator, argument = text_of(node.child_by_field_name("operator")), node.child_by_field_name("argument")
        if operator == "!":
            return self.test(node)
        operand = self.expression(argument)
        if operator == "typeof":
            return ir.Call(span_of(node), ir.Name(span_of(node), "typeof"), (ir.Argument(operand),))
        if operator == "-" and isinstance(operand, ir.Constant) and isinstance(operand.value, int | float):
            return ir.Constant(span_of(node), -operand.value)
        if operator == "void":
            return ir.Unknown(span_of(node), (operand,))
        return ir.Arithmetic(span_of(node), operator, (operand,))

    def _class_value(self, node: tree_sitter.Node) -> ir.Expression:
        lowered = self.class_of(node)
        self.pending.append(lowered)
        return ir.Name(span_of(node), lowered.name)


def name_of_target(target: ir.Expression) -> str:
    """Return what a function assigned to `target` is called; "" where that cannot be told."""
    return target.name if isinstance(target, ir.Name | ir.Attribute) else ""


def _chain(node: tree_sitter.Node, operator: str) -> list[tree_sitter.Node]:
    """Return the operands of `a + b + c`, which the tree holds as `(a + b) + c`: chains may be thousands long."""
    operands: list[tree_sitter.Node] = []
    current: tree_sitter.Node | None = node
    while (
        current is not None
        and current.type == "binary_expression"
        and text_of(current.child_by_field_name("operator")) == operator
    ):
        right = current.child_by_field_name("right")
        if right is not None:
            operands.append(right)
        current = current.child_by_field_name("left")
    if current is not None:
        operands.append(current)
    return operands[::-1]
