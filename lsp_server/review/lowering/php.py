"""PHP's syntax tree -> `review.ir`. Pure. What is like in other languages with braces is in `braces`.

Variables keep their `$`, so that `$exec` is no `exec`; `$this` is `this`. `echo`, `print`, `<?=`, `include`, backticks
and `exit` are calls of that name.
"""

from collections.abc import Iterator

import tree_sitter

from lsp_server.review.ir import (
    Argument,
    Assign,
    Attribute,
    Call,
    Choice,
    Class,
    Collection,
    Constant,
    Evaluate,
    Expression,
    If,
    Import,
    Leave,
    Loop,
    Name,
    Parameter,
    Program,
    Return,
    Statement,
    Unknown,
)
from lsp_server.review.lowering.braces import Braces, Statements, nothing
from lsp_server.review.lowering.braces_expressions import Node, text_of
from lsp_server.review.lowering.walk import Hollow, named, span_of, whole

_INCLUDES = ("include_expression", "include_once_expression", "require_expression", "require_once_expression")
_TYPES = ("class_declaration", "interface_declaration", "trait_declaration", "enum_declaration")
_OPEN_AND_ECHO = "<?="


def lower(root: tree_sitter.Node, source: bytes, language_id: str, hollow: Hollow) -> Program:
    """Lower a whole file."""
    return whole(_Php(), root, source, language_id, hollow)


class _Php(Braces):
    """Lowers one file."""

    concatenations = frozenset({"."})

    def __init__(self) -> None:
        super().__init__()
        self._echoes = False
        self.table |= dict.fromkeys(("name", "relative_scope"), self.name)
        self.table |= dict.fromkeys(("integer", "float"), self.number)
        self.table |= dict.fromkeys(("string", "encapsed_string"), self.string)
        self.table |= dict.fromkeys(("member_access_expression", "nullsafe_member_access_expression"), self._member)
        self.table |= dict.fromkeys(("member_call_expression", "nullsafe_member_call_expression"), self._member_call)
        self.table |= dict.fromkeys(_INCLUDES, self._include)
        self.table |= dict.fromkeys(("anonymous_function", "anonymous_function_creation_expression"), self._closure)
        self.table |= {
            "variable_name": lambda node: Name(span_of(node), text_of(node).replace("$this", "this")),
            "qualified_name": self._qualified,
            "namespace_name": lambda node: Name(span_of(node), text_of(node).replace("\\", ".")),
            "boolean": lambda node: Constant(span_of(node), text_of(node).lower() == "true"),
            "heredoc": lambda node: self.field(node, "value"),
            "heredoc_body": self.string,
            "nowdoc": lambda node: Constant(span_of(node), text_of(node)),
            "unary_op_expression": self.unary,
            "error_suppression_expression": self.inner,
            "clone_expression": self.inner,
            "sequence_expression": self.items,
            "subscript_expression": self._subscript,
            "scoped_property_access_expression": self._scoped,
            "class_constant_access_expression": self._constant,
            "function_call_expression": lambda node: self.call(node, self.field(node, "function")),
            "scoped_call_expression": self._scoped_call,
            "object_creation_expression": self._creation,
            "array_creation_expression": self._array,
            "list_literal": self._list,
            "arrow_function": self._arrow,
            "shell_command_expression": self._shell,
            "print_intrinsic": self._print,
            "match_expression": self._match,
            "throw_expression": self.unknown,
            "dynamic_variable_name": self.unknown,
        }
        self.statement_table |= dict.fromkeys(_TYPES, self._class)
        self.statement_table |= dict.fromkeys(("function_definition", "method_declaration"), self._function)
        self.statement_table |= {
            "php_tag": nothing,
            "text_interpolation": self._text,
            "namespace_definition": lambda node: self.body(node, "body"),
            "namespace_use_declaration": self._use,
            "echo_statement": self._echo,
            "exit_statement": self._exit,
            "unset_statement": nothing,
            "global_declaration": self._global,
            "foreach_statement": self._for_each,
            "declaration_list": lambda node: self.block(named(node)),
            "property_declaration": self._property,
            "const_declaration": self._constants,
            "colon_block": lambda node: self.block(named(node)),
            "else_if_clause": self._else_if,
        }

    # Expressions.

    def _qualified(self, node: Node) -> Expression:
        return Name(span_of(node), text_of(node).strip("\\").replace("\\", "."))

    def _member(self, node: Node) -> Expression:
        return self.member(node, "object", "name")

    def _member_call(self, node: Node) -> Expression:
        return self.call(node, self._member(node))

    def _scoped(self, node: Node) -> Expression:
        return self.member(node, "scope", "name")

    def _scoped_call(self, node: Node) -> Expression:
        return self.call(node, self._scoped(node))

    def _constant(self, node: Node) -> Expression:
        first, *rest = named(node)
        return Attribute(span_of(node), self.lower(first), text_of(rest[-1]) if rest else "")

    def _subscript(self, node: Node) -> Expression:
        children = named(node)
        return self.element(node, children[0], children[1] if len(children) > 1 else None)

    def argument(self, node: Node) -> Argument:
        """Lower one argument, with its name if it has one."""
        if node.type != "argument":
            return Argument(self.lower(node))
        name = node.child_by_field_name("name")
        values = [child for child in named(node) if child != name and child.type != "reference_modifier"]
        if values and values[-1].type == "variadic_unpacking":
            return Argument(self.inner(values[-1]), is_spread=True)
        value = self.lower(values[-1]) if values else Unknown(span_of(node))
        return Argument(value, text_of(name) if name is not None else None)

    def _creation(self, node: Node) -> Expression:
        children = named(node)
        arguments = next((child for child in children if child.type == "arguments"), None)
        callee = self.lower(children[0]) if children else Unknown(span_of(node))
        return Call(span_of(node), callee, self.arguments(arguments), is_new=True)

    def _array(self, node: Node) -> Expression:
        entries: list[tuple[Expression | None, Expression]] = []
        for child in named(node):
            parts = named(child)
            if len(parts) == 2:
                entries.append((self.lower(parts[0]), self.lower(parts[1])))
            elif parts:
                entries.append((None, self.lower(parts[0])))
        return Collection(span_of(node), tuple(entries))

    def _list(self, node: Node) -> Expression:
        return Collection(span_of(node), tuple((None, self.lower(child)) for child in named(node)))

    def _include(self, node: Node) -> Expression:
        return self._named_call(node, node.type.removesuffix("_expression"))

    def _print(self, node: Node) -> Expression:
        return self._named_call(node, "echo")

    def _shell(self, node: Node) -> Expression:
        return Call(span_of(node), Name(span_of(node), "`"), (Argument(self.string(node)),))

    def _named_call(self, node: Node, name: str) -> Call:
        """Return the call of what is written as a word in front of its operands."""
        operands: list[Argument] = []
        for child in named(node):
            inner = named(child) if child.type == "sequence_expression" else [child]
            operands += [Argument(self.lower(each)) for each in inner]
        return Call(span_of(node), Name(span_of(node), name), tuple(operands))

    def _closure(self, node: Node) -> Expression:
        return self.closure(node, self._parameters(node.child_by_field_name("parameters")), self.body(node, "body"))

    def _arrow(self, node: Node) -> Expression:
        body = node.child_by_field_name("body")
        statements: Statements = (Return(span_of(body), self.lower(body)),) if body is not None else ()
        return self.closure(node, self._parameters(node.child_by_field_name("parameters")), statements)

    def _match(self, node: Node) -> Expression:
        body = node.child_by_field_name("body")
        arms = named(body) if body is not None else []
        return Choice(span_of(node), tuple(self.field(arm, "return_expression") for arm in arms))

    # Statements.

    def _expression_statement(self, node: Node) -> Iterator[Statement]:
        if self._echoes:
            self._echoes = False
            yield Evaluate(span_of(node), self._named_call(node, "echo"))
            return
        for child in named(node):
            if child.type == "throw_expression":
                yield Leave(span_of(child), self.lower(named(child)[0]) if named(child) else None)
            else:
                yield from self.evaluated(child)
                callee = (
                    text_of(child.child_by_field_name("function")) if child.type == "function_call_expression" else ""
                )
                if callee in ("exit", "die"):
                    yield Leave(span_of(child))

    def _text(self, node: Node) -> Statements:
        """Note that what follows `<?=` is written to the page."""
        self._echoes = any(text_of(child) == _OPEN_AND_ECHO for child in node.children)
        return ()

    def _echo(self, node: Node) -> Iterator[Statement]:
        yield Evaluate(span_of(node), self._named_call(node, "echo"))

    def _exit(self, node: Node) -> Iterator[Statement]:
        yield Evaluate(span_of(node), self._named_call(node, "exit"))
        yield Leave(span_of(node))

    def _use(self, node: Node) -> Iterator[Statement]:
        for clause in (child for child in named(node) if child.type == "namespace_use_clause"):
            path = text_of(named(clause)[0]).strip("\\").replace("\\", ".")
            alias = clause.child_by_field_name("alias")
            yield Import(span_of(clause), text_of(alias) if alias is not None else path.rpartition(".")[2], path)

    def _global(self, node: Node) -> Iterator[Statement]:
        for child in named(node):
            yield Assign(span_of(child), self.lower(child), Unknown(span_of(child)))

    def _function(self, node: Node) -> Iterator[Statement]:
        parameters = self._parameters(node.child_by_field_name("parameters"))
        yield from self.function(node, node.child_by_field_name("name"), parameters)

    def _parameters(self, node: Node | None) -> list[Parameter]:
        parameters = []
        for child in named(node) if node is not None else []:
            name, default = child.child_by_field_name("name"), child.child_by_field_name("default_value")
            if name is not None:
                kind = _type_name(child.child_by_field_name("type"))
                value = self.lower(default) if default is not None else None
                is_rest = child.type == "variadic_parameter"
                parameters.append(Parameter(text_of(name), kind, value, is_rest=is_rest))
        return parameters

    def _class(self, node: Node) -> Iterator[Statement]:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None:
            return
        clauses = [child for child in named(node) if child.type in ("base_clause", "class_interface_clause")]
        bases = tuple(text_of(each).strip("\\").replace("\\", ".") for clause in clauses for each in named(clause))
        yield Class(
            span_of(node), text_of(name), span_of(name), bases, self.block(named(body)) if body is not None else ()
        )

    def _property(self, node: Node) -> Iterator[Statement]:
        kind = _type_name(node.child_by_field_name("type"))
        for element in (child for child in named(node) if child.type == "property_element"):
            name = element.child_by_field_name("name")
            target = Name(span_of(element), text_of(name).lstrip("$"))
            yield Assign(span_of(element), target, self.field(element, "default_value"), type_name=kind)

    def _constants(self, node: Node) -> Iterator[Statement]:
        for element in (child for child in named(node) if child.type == "const_element"):
            name, *values = named(element)
            value = self.lower(values[0]) if values else Unknown(span_of(element))
            yield Assign(span_of(element), Name(span_of(name), text_of(name)), value)

    def _if(self, node: Node) -> Iterator[Statement]:
        """Lower `if`, whose `elseif`s stand beside each other."""
        otherwise: Statements = ()
        for clause in reversed(node.children_by_field_name("alternative")):
            if clause.type == "else_if_clause":
                otherwise = tuple(self._branch(clause, otherwise))
            else:
                otherwise = self.body(clause, "body")
        yield from self._branch(node, otherwise)

    def _branch(self, node: Node, otherwise: Statements) -> Iterator[Statement]:
        yield If(span_of(node), self.test(node.child_by_field_name("condition")), self.body(node, "body"), otherwise)

    def _else_if(self, node: Node) -> Iterator[Statement]:
        yield from self._branch(node, ())

    def _for_each(self, node: Node) -> Iterator[Statement]:
        body = node.child_by_field_name("body")
        parts = [child for child in named(node) if child != body]
        iterable = self.lower(parts[0]) if parts else Unknown(span_of(node))
        target = parts[-1] if len(parts) > 1 else None
        keys: Statements = ()
        if target is not None and target.type == "pair" and len(named(target)) == 2:
            key, target = named(target)
            keys = (Assign(span_of(key), self.lower(key), iterable),)
        lowered = self.lower(target) if target is not None else None
        yield Loop(span_of(node), lowered, iterable, None, (*keys, *self.body(node, "body")))

    def handler(self, node: Node) -> Statements:
        """Lower a `catch` with its variable."""
        return self.caught(node, node.child_by_field_name("name"), self.body(node, "body"))


def _type_name(node: Node | None) -> str | None:
    """Return the dotted name of a type; of `?T` that of T."""
    return text_of(node).lstrip("?\\").replace("\\", ".") if node is not None else None
