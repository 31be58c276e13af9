"""Go's syntax tree -> `review.ir`. Pure. What is like in other languages with braces is in `braces`."""

from collections.abc import Iterator, Sequence

import tree_sitter

from lsp_server.review.ir import (
    Argument,
    Assign,
    Call,
    Collection,
    Constant,
    Evaluate,
    Expression,
    If,
    Import,
    Item,
    Leave,
    Loop,
    Name,
    Parameter,
    Program,
    Statement,
    Unknown,
)
from lsp_server.review.lowering.braces import Braces, Case, nothing
from lsp_server.review.lowering.braces_expressions import Node, is_number, text_of
from lsp_server.review.lowering.walk import Hollow, named, span_of, whole

_NEVER_RETURN = frozenset({"panic", "os.Exit", "log.Fatal", "log.Fatalf", "log.Fatalln", "log.Panic", "log.Panicf"})


def lower(root: tree_sitter.Node, source: bytes, language_id: str, hollow: Hollow) -> Program:
    """Lower a whole file."""
    package = next((text_of(named(child)[0]) for child in root.children if child.type == "package_clause"), "")
    return whole(_Go(), root, source, language_id, hollow, package)


class _Go(Braces):
    """Lowers one file."""

    def __init__(self) -> None:
        super().__init__()
        self.table |= {
            "field_identifier": self.name,
            "package_identifier": self.name,
            "type_identifier": self.name,
            "qualified_type": self._qualified,
            "pointer_type": self.inner,
            "generic_type": lambda node: self.lower(named(node)[0]),
            "nil": lambda node: Constant(span_of(node), None),
            "int_literal": self.number,
            "float_literal": self.number,
            "rune_literal": lambda node: Constant(span_of(node), text_of(node).strip("'")),
            "interpreted_string_literal": self.string,
            "raw_string_literal": self.raw,
            "expression_list": self._list,
            "literal_element": self.inner,
            "call_expression": self._call,
            "selector_expression": lambda node: self.member(node, "operand", "field"),
            "index_expression": lambda node: self.element(
                node, node.child_by_field_name("operand"), node.child_by_field_name("index")
            ),
            "slice_expression": self._slice,
            "composite_literal": self._composite,
            "literal_value": self._literal_value,
            "func_literal": self._func_literal,
            "type_assertion_expression": self._assertion,
            "type_conversion_expression": self._assertion,
        }
        self.statement_table |= dict.fromkeys(("inc_statement", "dec_statement"), nothing)
        self.statement_table |= {
            "statement_list": lambda node: self.block(node.children),
            "import_declaration": self._imports,
            "const_declaration": self._declarations,
            "var_declaration": self._declarations,
            "var_spec_list": self._declarations,
            "function_declaration": self._function,
            "method_declaration": self._function,
            "short_var_declaration": self._assignment,
            "assignment_statement": self._assignment,
            "go_statement": self._expression_statement,
            "defer_statement": self._expression_statement,
            "send_statement": self._send,
            "expression_switch_statement": self._switch,
            "type_switch_statement": self._type_switch,
            "select_statement": self._select,
        }

    # Expressions.

    def _qualified(self, node: Node) -> Expression:
        return self.member(node, "package", "name")

    def _list(self, node: Node) -> Expression:
        children = named(node)
        return self.lower(children[0]) if len(children) == 1 else self.items(node)

    def _call(self, node: Node) -> Expression:
        function = node.child_by_field_name("function")
        arguments = node.child_by_field_name("arguments")
        converted = text_of(function)
        inner = named(arguments) if arguments is not None else []
        if converted in ("string", "[]byte", "[]rune") and len(inner) == 1:
            return self.lower(inner[0])
        if is_number(converted) and len(inner) == 1:
            return self.arithmetic(node)
        return self.call(node, self.field(node, "function"))

    def argument(self, node: Node) -> Argument:
        """Lower one argument; `xs...` is spread."""
        if node.type == "variadic_argument":
            return Argument(self.inner(node), is_spread=True)
        return Argument(self.lower(node))

    def _slice(self, node: Node) -> Expression:
        return Item(span_of(node), self.field(node, "operand"), Unknown(span_of(node)))

    def _composite(self, node: Node) -> Expression:
        """Lower `T{...}`: fields of a struct are keyword arguments of its making, other things are collections."""
        kind, body = node.child_by_field_name("type"), node.child_by_field_name("body")
        values = self._literal_value(body) if body is not None else Collection(span_of(node), ())
        if kind is None or kind.type in ("slice_type", "array_type", "map_type", "implicit_length_array_type"):
            return values
        if not isinstance(values, Collection):
            return values
        arguments = tuple(
            Argument(value, str(key.value) if isinstance(key, Constant) else None) for key, value in values.entries
        )
        return Call(span_of(node), self.lower(kind), arguments, is_new=True)

    def _literal_value(self, node: Node) -> Expression:
        entries: list[tuple[Expression | None, Expression]] = []
        for child in named(node):
            if child.type == "keyed_element":
                entries.append((self._key(child.child_by_field_name("key")), self.field(child, "value")))
            else:
                entries.append((None, self.lower(child)))
        return Collection(span_of(node), tuple(entries))

    def _key(self, node: Node | None) -> Expression | None:
        """Lower a key: the name of a field is a text."""
        if node is None:
            return None
        inner = named(node)[0] if node.type == "literal_element" and named(node) else node
        return Constant(span_of(inner), text_of(inner)) if inner.type == "identifier" else self.lower(inner)

    def _func_literal(self, node: Node) -> Expression:
        parameters = self._parameters(node.child_by_field_name("parameters"))
        return self.closure(node, parameters, self.body(node, "body"))

    def _assertion(self, node: Node) -> Expression:
        return self.field(node, "operand")

    # Statements.

    def _imports(self, node: Node) -> Iterator[Statement]:
        for child in named(node):
            if child.type == "import_spec_list":
                yield from self._imports(child)
            elif child.type == "import_spec":
                path = text_of(child.child_by_field_name("path")).strip('"`')
                alias = child.child_by_field_name("name")
                given = text_of(alias) if alias is not None else _package_name(path)
                yield Import(span_of(child), "*" if given == "." else given, _api_path(path))

    def _declarations(self, node: Node) -> Iterator[Statement]:
        for spec in named(node):
            if spec.type == "var_spec_list":
                yield from self._declarations(spec)
            elif spec.type in ("var_spec", "const_spec"):
                names = [child for child in spec.children_by_field_name("name") if child.is_named]
                kind, value = _type_name(spec.child_by_field_name("type")), spec.child_by_field_name("value")
                yield from self._bound(spec, names, value, kind)

    def _assignment(self, node: Node) -> Iterator[Statement]:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return
        if self.operator(node) not in ("=", ":="):
            yield Assign(span_of(node), self.lower(left), self.lower(right), is_augmented=True)
            return
        yield from self._bound(node, named(left) if left.type == "expression_list" else [left], right, None)

    def _bound(self, node: Node, targets: list[Node], value: Node | None, kind: str | None) -> Iterator[Statement]:
        """Yield `a, b = x, y` one by one, and `a, b = f()` as `a = f()`: the first result is what matters."""
        values = named(value) if value is not None and value.type == "expression_list" else [value] if value else []
        if len(values) == len(targets):
            for target, each in zip(targets, values, strict=True):
                yield Assign(span_of(node), self.lower(target), self.lower(each), type_name=kind)
        elif len(values) == 1 and targets:
            yield Assign(span_of(node), self.lower(targets[0]), self.lower(values[0]))
            for target in targets[1:]:
                yield Assign(span_of(node), self.lower(target), Unknown(span_of(node)))
        else:
            for target in targets:
                yield Assign(span_of(node), self.lower(target), Unknown(span_of(node)), type_name=kind)

    def _expression_statement(self, node: Node) -> Iterator[Statement]:
        for child in named(node):
            value = self.lower(child)
            yield Evaluate(span_of(child), value)
            if isinstance(value, Call) and text_of(child.child_by_field_name("function")) in _NEVER_RETURN:
                yield Leave(span_of(child))

    def _function(self, node: Node) -> Iterator[Statement]:
        """Lower a function or method; a method's receiver is a variable of its type."""
        receiver = self._parameters(node.child_by_field_name("receiver"))
        parameters = self._parameters(node.child_by_field_name("parameters"))
        name = node.child_by_field_name("name")
        first: tuple[Statement, ...] = ()
        if receiver and name is not None:
            span = span_of(name)
            first = (Assign(span, Name(span, receiver[0].name), Unknown(span), type_name=receiver[0].type_name),)
        yield from self.function(node, name, parameters, first=first)

    def _parameters(self, node: Node | None) -> list[Parameter]:
        parameters = []
        for child in named(node) if node is not None else []:
            kind = _type_name(child.child_by_field_name("type"))
            is_rest = child.type == "variadic_parameter_declaration"
            for name in child.children_by_field_name("name"):
                if name.is_named:
                    parameters.append(Parameter(text_of(name), kind, is_rest=is_rest))
        return parameters

    def _for(self, node: Node) -> Iterator[Statement]:
        clause = next((child for child in named(node) if child.type != "block"), None)
        body = self.body(node, "body")
        if clause is None:
            yield Loop(span_of(node), None, None, None, body)
        elif clause.type == "range_clause":
            yield self._range(node, clause, body)
        elif clause.type == "for_clause":
            begun = clause.child_by_field_name("initializer")
            if begun is not None:
                yield from self.statement(begun)
            condition = clause.child_by_field_name("condition")
            yield Loop(span_of(node), None, None, self.test(condition) if condition is not None else None, body)
        else:
            yield Loop(span_of(node), None, None, self.test(clause), body)

    def _range(self, node: Node, clause: Node, body: tuple[Statement, ...]) -> Statement:
        left = clause.child_by_field_name("left")
        targets = named(left) if left is not None else []
        target = self.lower(targets[1]) if len(targets) > 1 else None
        iterable = self.field(clause, "right")
        if targets and len(targets) > 1:  # a map's keys are from outside when the map is
            key = Assign(
                span_of(clause), self.lower(targets[0]), Item(span_of(clause), iterable, Unknown(span_of(clause)))
            )
            body = (key, *body)
        return Loop(span_of(node), target, iterable, None, body)

    def _send(self, node: Node) -> Iterator[Statement]:
        yield Assign(span_of(node), self.field(node, "channel"), self.field(node, "value"), is_augmented=True)

    def _switch(self, node: Node) -> Iterator[Statement]:
        begun, value = node.child_by_field_name("initializer"), node.child_by_field_name("value")
        if begun is not None:
            yield from self.statement(begun)
        cases = [child for child in named(node) if child.type in ("expression_case", "default_case")]
        if value is None:  # `switch { case test: }`
            yield from self._tests(cases)
        else:
            yield from self.chain(node, self.lower(value), [self._case(case) for case in cases])

    def _case(self, node: Node) -> Case:
        value = node.child_by_field_name("value")
        rest = [child for child in named(node) if child != value]
        values = [self.lower(each) for each in named(value)] if value is not None else None
        return values, self.block(rest)

    def _tests(self, cases: Sequence[Node]) -> tuple[Statement, ...]:
        otherwise: tuple[Statement, ...] = ()
        for case in reversed(cases):
            value = case.child_by_field_name("value")
            body = self.block([child for child in named(case) if child != value])
            test = self.test(named(value)[0]) if value is not None and named(value) else None
            otherwise = body if test is None else (If(span_of(case), test, body, otherwise),)
        return otherwise

    def _type_switch(self, node: Node) -> Iterator[Statement]:
        alias, value = node.child_by_field_name("alias"), self.field(node, "value")
        if alias is not None:
            yield Assign(span_of(node), self.lower(alias), value)
        yield from self._alternatives(node)

    def _select(self, node: Node) -> Iterator[Statement]:
        yield from self._alternatives(node)

    def _alternatives(self, node: Node) -> Iterator[Statement]:
        """Yield each case as a branch of its own: which is taken is not known."""
        for case in (child for child in named(node) if child.type.endswith("_case")):
            heads = case.children_by_field_name("communication")
            body = self.block([*heads, *(child for child in named(case) if child.type == "statement_list")])
            yield If(span_of(case), Unknown(span_of(case)), body)


def _api_path(path: str) -> str:
    """Return an import's path as the rules write it: without host and version ("gin-gonic/gin", "yaml", "net/http")."""
    parts = [part for part in path.split("/") if not (part[:1] == "v" and part[1:].isdigit())]
    if len(parts) > 1 and "." in parts[0]:
        parts = parts[1:]
    return "/".join(part.partition(".")[0] for part in parts) or path


def _package_name(path: str) -> str:
    """Return what a package is called by default: the last part of its path that is no version."""
    return _api_path(path).rpartition("/")[2].removeprefix("go-")


def _type_name(node: Node | None) -> str | None:
    """Return the dotted name of a type; a pointer's is that of what it leads to, a slice's that of its elements."""
    while node is not None:
        match node.type:
            case "pointer_type" | "generic_type" | "parenthesized_type":
                node = named(node)[0] if named(node) else None
            case "slice_type" | "array_type":
                node = node.child_by_field_name("element")
            case _:
                return text_of(node)
    return None
