"""Ruby's expressions -> `review.ir`. Pure.

Invariant: every node lowers to something; what is not known, is broken or lies too deep is Unknown. A constant's `::`
is an attribute; a name alone is a variable, `a.b` an attribute unless it is known to be called.
"""

from abc import abstractmethod
from collections.abc import Iterator

from lsp_server.review.ir import (
    Argument,
    Arithmetic,
    Assigned,
    Attribute,
    Call,
    Choice,
    Closure,
    Collection,
    Comparison,
    Constant,
    Expression,
    Function,
    Join,
    Name,
    Regex,
    Unknown,
)
from lsp_server.review.lowering.braces_expressions import Expressions, Node, text_of
from lsp_server.review.lowering.walk import named, span_of

_NAMES = ("identifier", "constant", "self", "super", "instance_variable", "class_variable", "global_variable")
_TEXTS = ("string", "bare_string", "heredoc_body", "delimited_symbol", "bare_symbol")


class RubyExpressions(Expressions):
    """Lowers the expressions of one file; whoever lowers statements says what a block is."""

    def __init__(self) -> None:
        super().__init__()
        self.table = {
            "parenthesized_statements": self.inner,
            "begin": self.inner,
            "scope_resolution": self._scoped,
            "true": lambda node: Constant(span_of(node), True),
            "false": lambda node: Constant(span_of(node), False),
            "nil": lambda node: Constant(span_of(node), None),
            "integer": self.number,
            "float": self.number,
            "simple_symbol": lambda node: Constant(span_of(node), text_of(node).lstrip(":")),
            "hash_key_symbol": lambda node: Constant(span_of(node), text_of(node)),
            "chained_string": self._chained,
            "heredoc_beginning": self._heredoc,
            "regex": self._regex,
            "subshell": self._subshell,
            "call": self._call,
            "yield": lambda node: self._keyword(node, "yield"),
            "element_reference": self._element,
            "binary": self._binary,
            "unary": self.unary,
            "conditional": self.conditional,
            "assignment": self._assigned,
            "operator_assignment": self._operator_assigned,
            "left_assignment_list": self.items,
            "right_assignment_list": self.items,
            "array": self.items,
            "string_array": self.items,
            "symbol_array": self.items,
            "hash": self._hash,
            "splat_argument": self.inner,
            "hash_splat_argument": self.inner,
            "block_argument": self.inner,
            "rest_assignment": self.inner,
            "lambda": lambda node: Closure(span_of(node), self.closure_of(node)),
            "if_modifier": lambda node: self.field(node, "body"),
            "unless_modifier": lambda node: self.field(node, "body"),
            "rescue_modifier": self._rescued,
            "if": self._if_value,
            "range": self.unknown,
            "interpolation": self.inner,
        }
        self.table |= dict.fromkeys(_NAMES, self.name)
        self.table |= dict.fromkeys(_TEXTS, self.string)

    @abstractmethod
    def closure_of(self, node: Node) -> Function:
        """Return a block or lambda as a function without name."""

    def argument(self, node: Node) -> Argument:
        """Lower one argument: pairs are keyword arguments."""
        if node.type == "pair":
            key = self.field(node, "key")
            if isinstance(key, Constant):
                return Argument(self.field(node, "value"), str(key.value))
            return Argument(self.field(node, "value"))
        return Argument(self.lower(node), is_spread=node.type in ("splat_argument", "hash_splat_argument"))

    def _scoped(self, node: Node) -> Expression:
        scope = node.child_by_field_name("scope")
        name = node.child_by_field_name("name")
        if scope is None:
            return Name(span_of(node), text_of(name))
        return Attribute(span_of(node), self.lower(scope), text_of(name))

    def _chained(self, node: Node) -> Expression:
        return Join(span_of(node), tuple(self.lower(child) for child in named(node)))

    def _heredoc(self, node: Node) -> Expression:
        """Lower `<<~EOS`: its text stands further down."""
        holder = node.parent
        while holder is not None:
            body = next((child for child in holder.children if child.type == "heredoc_body"), None)
            if body is not None and body.start_byte >= node.end_byte:
                return self.string(body)
            holder = holder.parent
        return Unknown(span_of(node))

    def _regex(self, node: Node) -> Expression:
        parts = named(node)
        if all(part.type in ("string_content", "escape_sequence") for part in parts):
            return Regex(span_of(node), "".join(text_of(part) for part in parts))
        callee = Attribute(span_of(node), Name(span_of(node), "Regexp"), "new")
        return Call(span_of(node), callee, (Argument(self.string(node)),))

    def _subshell(self, node: Node) -> Expression:
        return Call(span_of(node), Name(span_of(node), "`"), (Argument(self.string(node)),))

    def _keyword(self, node: Node, name: str) -> Expression:
        inner = named(node)
        arguments = self.arguments(inner[0]) if inner and inner[0].type == "argument_list" else ()
        return Call(span_of(node), Name(span_of(node), name), arguments)

    def _call(self, node: Node) -> Expression:
        method, receiver = node.child_by_field_name("method"), node.child_by_field_name("receiver")
        arguments, block = node.child_by_field_name("arguments"), node.child_by_field_name("block")
        name, span = text_of(method), span_of(node)
        callee: Expression = Name(span_of(method) if method is not None else span, name)
        if receiver is not None:
            end = method.end_byte if method is not None else receiver.end_byte
            callee = Attribute(span_of(receiver)._replace(end=end), self.lower(receiver), name)
        given = self.arguments(arguments)
        if block is not None:
            given = (*given, Argument(Closure(span_of(block), self.closure_of(block))))
        if name == "new" and isinstance(callee, Attribute):
            return Call(span, callee.base, given, is_new=True)
        if arguments is None and block is None and isinstance(callee, Attribute):
            # `a.b` may read or call: the rules of both forms are asked.
            return Call(span, callee, ()) if name.endswith(("?", "!")) or name in _CALLED else callee
        return Call(span, callee, given)

    def _element(self, node: Node) -> Expression:
        children = named(node)
        return self.element(node, node.child_by_field_name("object"), children[1] if len(children) > 1 else None)

    def _binary(self, node: Node) -> Expression:
        operator = self.operator(node)
        if operator in ("=~", "!~"):
            return Comparison(span_of(node), operator, self.field(node, "left"), self.field(node, "right"))
        if operator == "<<":
            target, value = self.field(node, "left"), self.field(node, "right")
            return Assigned(span_of(node), target, Join(span_of(node), (target, value)))
        if operator == "%":
            return Join(span_of(node), (self.field(node, "left"), self.field(node, "right")))
        return self.binary(node)

    def _assigned(self, node: Node) -> Expression:
        left = node.child_by_field_name("left")
        target = self.field(node, "left")
        if (
            left is not None
            and left.type == "call"
            and isinstance(target, Call)
            and isinstance(target.callee, Attribute)
        ):
            target = target.callee
        return Assigned(span_of(node), target, self.field(node, "right"))

    def _operator_assigned(self, node: Node) -> Expression:
        target, value = self.field(node, "left"), self.field(node, "right")
        if self.operator(node) in ("||=", "&&="):
            return Assigned(span_of(node), target, Choice(span_of(node), (target, value)))
        if self.operator(node) == "+=":
            return Assigned(span_of(node), target, Join(span_of(node), (target, value)))
        return Assigned(span_of(node), target, Arithmetic(span_of(node), self.operator(node), (target, value)))

    def _hash(self, node: Node) -> Expression:
        return Collection(span_of(node), tuple(self._entries(node)))

    def _entries(self, node: Node) -> Iterator[tuple[Expression | None, Expression]]:
        for child in named(node):
            if child.type == "pair":
                value = child.child_by_field_name("value")
                key = self.field(child, "key")
                yield key, self.lower(value) if value is not None else Name(key.span, text_of(child).rstrip(":"))
            else:
                yield None, self.lower(child)

    def _rescued(self, node: Node) -> Expression:
        return Choice(span_of(node), (self.field(node, "body"), self.field(node, "handler")))

    def _if_value(self, node: Node) -> Expression:
        """Lower `if` used as a value: the last expressions of its branches."""
        options = [last for name in ("consequence", "alternative") if (last := _last(node.child_by_field_name(name)))]
        test = self.test(node.child_by_field_name("condition"))
        return Choice(span_of(node), tuple(self.lower(option) for option in options), test)


_CALLED = frozenset(
    {"to_i", "to_f", "to_s", "to_sym", "constantize", "safe_constantize", "html_safe", "strip", "shellescape"}
)


def _last(node: Node | None) -> Node | None:
    children = named(node) if node is not None else []
    return children[-1] if children else None
