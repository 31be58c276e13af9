"""Python's expressions -> `review.ir`. Pure.

Invariant: every node lowers to something; what is not known, is broken or lies too deep is Unknown.
"""

from collections.abc import Callable

import tree_sitter

from lsp_server.review.ir import (
    Argument,
    Arithmetic,
    Assigned,
    Attribute,
    Both,
    Call,
    Choice,
    Closure,
    Collection,
    Comparison,
    Comprehension,
    Constant,
    Either,
    Expression,
    Function,
    Item,
    Join,
    Loop,
    Name,
    Not,
    Return,
    Span,
    Unknown,
)
from lsp_server.review.lowering.python_signatures import parameters_of, text_of
from lsp_server.review.lowering.python_text import format_template, formatted, joined, literal, percent
from lsp_server.review.lowering.walk import MAX_DEPTH, named, span_of

_SPLATS = frozenset({"list_splat", "dictionary_splat", "list_splat_pattern", "dictionary_splat_pattern"})


class Expressions:
    """Lowers the expressions of one file, and collects the functions (lambdas) that it met in `functions`."""

    def __init__(self) -> None:
        self.functions: list[Function] = []
        self._depth = 0
        self._by_type: dict[str, Callable[[tree_sitter.Node], Expression]] = {
            "identifier": lambda node: Name(span_of(node), text_of(node)),
            "keyword_identifier": lambda node: Name(span_of(node), text_of(node)),
            "dotted_name": self._dotted,
            "attribute": self._attribute,
            "subscript": self._subscript,
            "slice": self._unknown,
            "call": self._call,
            "string": lambda node: literal(node, self.lower),
            "concatenated_string": lambda node: literal(node, self.lower),
            "integer": _number,
            "float": _number,
            "true": lambda node: Constant(span_of(node), True),
            "false": lambda node: Constant(span_of(node), False),
            "none": lambda node: Constant(span_of(node), None),
            "parenthesized_expression": self._inner,
            "await": self._inner,
            "list_splat": self._inner,
            "list_splat_pattern": self._inner,
            "dictionary_splat": self._inner,
            "as_pattern_target": self._inner,
            "type": self._inner,
            "expression_list": self._collection,
            "pattern_list": self._collection,
            "tuple": self._collection,
            "tuple_pattern": self._collection,
            "list": self._collection,
            "list_pattern": self._collection,
            "set": self._collection,
            "dictionary": self._dictionary,
            "pair": self._pair,
            "binary_operator": self._binary,
            "unary_operator": self._unary,
            "boolean_operator": self._boolean,
            "not_operator": self._not,
            "comparison_operator": self._comparison,
            "conditional_expression": self._conditional,
            "named_expression": self._assigned,
            "assignment": self._assigned,
            "as_pattern": self._as,
            "lambda": self._lambda,
            "list_comprehension": self._comprehension,
            "set_comprehension": self._comprehension,
            "dictionary_comprehension": self._comprehension,
            "generator_expression": self._comprehension,
        }

    def lower(self, node: tree_sitter.Node) -> Expression:
        """Lower one expression or target."""
        lower = self._by_type.get(node.type, self._unknown)
        if self._depth >= MAX_DEPTH:
            return Unknown(span_of(node))
        self._depth += 1
        try:
            return lower(node)
        finally:
            self._depth -= 1

    def field(self, node: tree_sitter.Node, name: str) -> Expression:
        """Lower the child `name` of `node`; Unknown where it is missing."""
        child = node.child_by_field_name(name)
        return self.lower(child) if child is not None else Unknown(span_of(node))

    def test(self, node: tree_sitter.Node | None) -> Expression | None:
        """Lower a condition: `and` and `or` are Both and Either there."""
        while node is not None and node.type == "parenthesized_expression" and node.named_child_count:
            node = node.named_children[0]
        if node is None:
            return None
        if node.type != "boolean_operator" or self._depth >= MAX_DEPTH:
            return self.lower(node)
        operator, operands = _operands(node, {"and"} if _operator(node) == "and" else {"or"})
        self._depth += 1
        try:
            tests = tuple(test for each in operands if (test := self.test(each)) is not None)
        finally:
            self._depth -= 1
        return Both(span_of(node), tests) if operator == "and" else Either(span_of(node), tests)

    def _unknown(self, node: tree_sitter.Node) -> Expression:
        return Unknown(span_of(node), tuple(self.lower(child) for child in named(node)))

    def _inner(self, node: tree_sitter.Node) -> Expression:
        inner = named(node)
        return self.lower(inner[0]) if len(inner) == 1 else self._unknown(node)

    def _dotted(self, node: tree_sitter.Node) -> Expression:
        first, *rest = named(node)
        value: Expression = Name(span_of(first), text_of(first))
        for name in rest:
            value = Attribute(Span(node.start_byte, name.end_byte), value, text_of(name))
        return value

    def _attribute(self, node: tree_sitter.Node) -> Expression:
        name = node.child_by_field_name("attribute")
        base = self.field(node, "object")
        return Attribute(span_of(node), base, text_of(name)) if name is not None else Unknown(span_of(node), (base,))

    def _subscript(self, node: tree_sitter.Node) -> Expression:
        base = self.field(node, "value")
        keys = [self.lower(key) for key in node.children_by_field_name("subscript")]
        match keys:
            case [Constant(value=str(name))] if name.isidentifier():
                return Attribute(span_of(node), base, name)
            case [key]:
                return Item(span_of(node), base, key)
        return Item(span_of(node), base, Collection(span_of(node), tuple((None, key) for key in keys)))

    def _call(self, node: tree_sitter.Node) -> Expression:
        callee = self.field(node, "function")
        arguments = self.arguments(node.child_by_field_name("arguments"))
        template = format_template(callee)
        if template is not None:
            return formatted(span_of(node), template, arguments)
        return Call(span_of(node), callee, arguments)

    def arguments(self, node: tree_sitter.Node | None) -> tuple[Argument, ...]:
        """Lower an `argument_list`, or the generator that stands in its place; syntax errors inside it are left out."""
        if node is None:
            return ()
        if node.type != "argument_list":
            return (Argument(self.lower(node)),)
        return tuple(self._argument(child) for child in named(node) if child.type != "ERROR")

    def _argument(self, node: tree_sitter.Node) -> Argument:
        if node.type == "keyword_argument":
            name = node.child_by_field_name("name")
            return Argument(self.field(node, "value"), text_of(name) if name is not None else None)
        return Argument(self.lower(node), is_spread=node.type in _SPLATS)

    def _collection(self, node: tree_sitter.Node) -> Expression:
        return Collection(span_of(node), tuple((None, self.lower(child)) for child in named(node)))

    def _dictionary(self, node: tree_sitter.Node) -> Expression:
        entries: list[tuple[Expression | None, Expression]] = []
        for child in named(node):
            if child.type == "pair":
                entries.append((self.field(child, "key"), self.field(child, "value")))
            else:
                entries.append((None, self.lower(child)))
        return Collection(span_of(node), tuple(entries))

    def _pair(self, node: tree_sitter.Node) -> Expression:
        return Collection(span_of(node), ((self.field(node, "key"), self.field(node, "value")),))

    def _binary(self, node: tree_sitter.Node) -> Expression:
        operator = _operator(node)
        if operator == "+":
            return joined(span_of(node), [self.lower(each) for each in _operands(node, {"+"})[1]])
        left, right = self.field(node, "left"), self.field(node, "right")
        if operator == "%" and (_is_text(left) or not isinstance(right, Constant)):
            return percent(span_of(node), left, right)
        if operator == "/" and not isinstance(left, (Constant, Arithmetic)) and not _is_number(right):
            # What pathlib does; the division of numbers loses nothing by it.
            way = Attribute(left.span, left, "joinpath")
            return Call(span_of(node), way, (Argument(right),))
        return Arithmetic(span_of(node), operator, (left, right))

    def _unary(self, node: tree_sitter.Node) -> Expression:
        operand, operator = self.field(node, "argument"), _operator(node)
        if operator == "-" and isinstance(operand, Constant) and isinstance(operand.value, (int, float)):
            return Constant(span_of(node), -operand.value)
        return Arithmetic(span_of(node), operator, (operand,))

    def _boolean(self, node: tree_sitter.Node) -> Expression:
        _, operands = _operands(node, {_operator(node)})
        return Choice(span_of(node), tuple(self.lower(each) for each in operands))

    def _not(self, node: tree_sitter.Node) -> Expression:
        operand = self.test(node.child_by_field_name("argument"))
        return Not(span_of(node), operand) if operand is not None else Unknown(span_of(node))

    def _comparison(self, node: tree_sitter.Node) -> Expression:
        operators = [text_of(child) for child in node.children_by_field_name("operators")]
        operands = [self.lower(child) for child in named(node) if child.type != "ERROR"]
        pairs = zip(operators, operands, operands[1:], strict=False)
        tests = [Comparison(Span(left.span.start, right.span.end), each, left, right) for each, left, right in pairs]
        if not tests:
            return Unknown(span_of(node), tuple(operands))
        return tests[0] if len(tests) == 1 else Both(span_of(node), tuple(tests))

    def _conditional(self, node: tree_sitter.Node) -> Expression:
        inner = named(node)
        if len(inner) != 3:
            return self._unknown(node)
        test = self.test(inner[1])
        return Choice(span_of(node), (self.lower(inner[0]), self.lower(inner[2])), test)

    def _assigned(self, node: tree_sitter.Node) -> Expression:
        target = node.child_by_field_name("name") or node.child_by_field_name("left")
        value = node.child_by_field_name("value") or node.child_by_field_name("right")
        if target is None or value is None:
            return self._unknown(node)
        return Assigned(span_of(node), self.lower(target), self.lower(value))

    def _as(self, node: tree_sitter.Node) -> Expression:
        value, alias = named(node)[0], node.child_by_field_name("alias")
        if alias is None:
            return self._unknown(node)
        return Assigned(span_of(node), self.lower(alias), self.lower(value))

    def _lambda(self, node: tree_sitter.Node) -> Expression:
        parameters = parameters_of(node.child_by_field_name("parameters"), self.lower)
        body = node.child_by_field_name("body")
        statements = (Return(span_of(body), self.lower(body)),) if body is not None else ()
        name_span = Span(node.start_byte, node.start_byte)
        function = Function(span_of(node), "", name_span, parameters, statements, is_broken=node.has_error)
        self.functions.append(function)
        return Closure(span_of(node), function)

    def _comprehension(self, node: tree_sitter.Node) -> Expression:
        loops: list[Loop] = []
        for child in named(node):
            if child.type == "for_in_clause":
                target, iterable = self.field(child, "left"), self.field(child, "right")
                loops.append(Loop(span_of(child), target, iterable, None, ()))
            elif child.type == "if_clause" and loops:
                tests = tuple(test for each in named(child) if (test := self.test(each)) is not None)
                last = loops[-1]
                both = tests if last.test is None else (last.test, *tests)
                test = both[0] if len(both) == 1 else Both(span_of(child), both)
                loops[-1] = Loop(last.span, last.target, last.iterable, test, ())
        return Comprehension(span_of(node), self.field(node, "body"), tuple(loops))


def _operator(node: tree_sitter.Node) -> str:
    operator = node.child_by_field_name("operator")
    return operator.type if operator is not None else ""


def _operands(node: tree_sitter.Node, operators: set[str]) -> tuple[str, list[tree_sitter.Node]]:
    """Return the operator and the operands of a chain such as `a + b + c`, which the tree nests to the left."""
    operands: list[tree_sitter.Node] = []
    kind, operator = node.type, _operator(node)
    while node.type == kind and _operator(node) in operators:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if right is not None:
            operands.append(right)
        if left is None:
            break
        node = left
    else:
        operands.append(node)
    return operator, operands[::-1]


def _number(node: tree_sitter.Node) -> Expression:
    text = text_of(node).replace("_", "")
    try:
        return Constant(span_of(node), float(text) if node.type == "float" else int(text, 0))
    except ValueError:  # 0777 of Python 2, 5j, more digits than int() reads
        octal = text[1:]
        is_octal = text.startswith("0") and octal and all(digit in "01234567" for digit in octal)
        return Constant(span_of(node), int(octal, 8)) if is_octal else Unknown(span_of(node))


def _is_text(expression: Expression) -> bool:
    return isinstance(expression, Join) or (
        isinstance(expression, Constant) and isinstance(expression.value, (str, bytes))
    )


def _is_number(expression: Expression) -> bool:
    return isinstance(expression, Constant) and isinstance(expression.value, (int, float))
