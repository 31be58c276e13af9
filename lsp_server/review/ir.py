"""The form in which the taint engine reads a program, whatever its language. Pure.

Owns no decisions: what is a source or a sink is data (`rules/`), what flows where is `taint`. Invariants: every node
knows where it stands (`Span`, byte offsets into the UTF-8 source); lowering never fails on broken code, it leaves out
what it cannot read (`Unknown`); the order of statements and operands is that of evaluation. Nothing is changed once it
is made; the classes are not frozen because making a frozen one takes three times as long, and a file has thousands.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class Span(NamedTuple):
    """Byte offsets into the UTF-8 source; `end` is exclusive."""

    start: int
    end: int


# Expressions.


@dataclass(slots=True, eq=False)
class Expression:
    """Base of all expressions."""

    span: Span


@dataclass(slots=True, eq=False)
class Unknown(Expression):
    """What the lowering cannot read, with the operands it found inside: they are evaluated, and the result is clean."""

    operands: tuple[Expression, ...] = ()


@dataclass(slots=True, eq=False)
class Constant(Expression):
    """A literal.

    value: a text without its quotes and with its escapes undone, a number, a truth value, None for null.
    """

    value: str | int | float | bool | bytes | None


@dataclass(slots=True, eq=False)
class Regex(Expression):
    """A regular expression literal (JavaScript, Ruby). pattern: between the slashes."""

    pattern: str
    flags: str = ""


@dataclass(slots=True, eq=False)
class Name(Expression):
    """A variable, parameter, function, class, module or package; `this` and `self` too."""

    name: str


@dataclass(slots=True, eq=False)
class Attribute(Expression):
    """`base.name`, `base->name`, `base::name`, `base?.name`, `base["name"]` where the text is an identifier."""

    base: Expression
    name: str


@dataclass(slots=True, eq=False)
class Item(Expression):
    """`base[key]`; slices too, with an Unknown key."""

    base: Expression
    key: Expression


@dataclass(slots=True, eq=False)
class Argument:
    """name: of a keyword argument, without it positional. is_spread: `*args`, `**kw`, `...rest`."""

    value: Expression
    name: str | None = None
    is_spread: bool = False


@dataclass(slots=True, eq=False)
class Call(Expression):
    """`callee(arguments)`. is_new: `new C(...)`, Go's `C{...}` and whatever else makes an instance of the callee.

    Calls without parentheses (Ruby, tagged templates, `echo`, `include`, backticks, shell operators) are Calls of
    a Name: `echo`, `include`, `` ` ``. A JSX element is a Call of Name("jsx") with its tag as first argument,
    attributes as keyword arguments, children after the tag.
    """

    callee: Expression
    arguments: tuple[Argument, ...] = ()
    is_new: bool = False


@dataclass(slots=True, eq=False)
class Join(Expression):
    """Text built of parts in their order.

    F-strings, templates, `+` where it may build text, `%` and `.format` of a constant, Ruby's `#{}`. Literal pieces are
    Constants. Adding numbers is a Join as well: what is tainted stays so.
    """

    parts: tuple[Expression, ...]


@dataclass(slots=True, eq=False)
class Collection(Expression):
    """List, tuple, set, dictionary, object. entries: (key or None, value); a spread entry has the key None."""

    entries: tuple[tuple[Expression | None, Expression], ...]


@dataclass(slots=True, eq=False)
class Choice(Expression):
    """One of `options`: conditional expressions (`test` told first), `a or b`, `a ?? b`, `a && b` (without test)."""

    options: tuple[Expression, ...]
    test: Expression | None = None


@dataclass(slots=True, eq=False)
class Comparison(Expression):
    """A truth value of two operands.

    operator: `==`, `!=`, `<`, `in`, `not in`, `is`, ...; `===` is `==`, `!==` is `!=`.
    """

    operator: str
    left: Expression
    right: Expression


@dataclass(slots=True, eq=False)
class Not(Expression):
    """Logical negation."""

    operand: Expression


@dataclass(slots=True, eq=False)
class Both(Expression):
    """`a and b and c` as a test. `Either` is its counterpart."""

    operands: tuple[Expression, ...]


@dataclass(slots=True, eq=False)
class Either(Expression):
    """`a or b or c` as a test (in the test of an If or a Choice; elsewhere it is a Choice)."""

    operands: tuple[Expression, ...]


@dataclass(slots=True, eq=False)
class Arithmetic(Expression):
    """Operators that never make a text: `-`, `*`, `/`, shifts, bits, increments, casts to numbers.

    operator: as written.
    """

    operator: str
    operands: tuple[Expression, ...]


@dataclass(slots=True, eq=False)
class Assigned(Expression):
    """An assignment used as a value: `:=`, `a = b` inside an expression."""

    target: Expression
    value: Expression


@dataclass(slots=True, eq=False)
class Closure(Expression):
    """A function as a value: lambda, arrow function, anonymous class with one method, block."""

    function: "Function"


@dataclass(slots=True, eq=False)
class Comprehension(Expression):
    """`[element for target in iterable if test]`; generators, and dictionaries with (key, value) as a Collection."""

    element: Expression
    loops: tuple["Loop", ...]


# Statements.


@dataclass(slots=True, eq=False)
class Statement:
    """Base of all statements."""

    span: Span


@dataclass(slots=True, eq=False)
class Evaluate(Statement):
    """An expression as a statement."""

    value: Expression


@dataclass(slots=True, eq=False)
class Assign(Statement):
    """`target = value`.

    target: Name, Attribute, Item, or a Collection of targets (destructuring, keys tell which part). is_augmented: `+=`
    and the like, where the old value stays in. type_name: as declared, dotted, without generics.
    """

    target: Expression
    value: Expression
    is_augmented: bool = False
    type_name: str | None = None


@dataclass(slots=True, eq=False)
class Return(Statement):
    """value None: without one. Also the value of an arrow function's expression, of a Ruby method's last statement."""

    value: Expression | None


@dataclass(slots=True, eq=False)
class Leave(Statement):
    """`raise`, `throw`, `break`, `continue`, `exit()`: what stands behind in this block is not reached from here."""

    value: Expression | None = None


@dataclass(slots=True, eq=False)
class If(Statement):
    """A test and two blocks. `switch` is a chain of these; `assert t` is `If(not t, [Leave])`."""

    test: Expression
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()


@dataclass(slots=True, eq=False)
class Loop(Statement):
    """`for target in iterable: body`, or `while test: body` (iterable None)."""

    target: Expression | None
    iterable: Expression | None
    test: Expression | None
    body: tuple[Statement, ...]


@dataclass(slots=True, eq=False)
class Try(Statement):
    """handlers: a block for each `catch`, beginning with the Assign of its variable from Unknown, if it has one."""

    body: tuple[Statement, ...]
    handlers: tuple[tuple[Statement, ...], ...] = ()
    final: tuple[Statement, ...] = ()


@dataclass(slots=True, eq=False)
class Block(Statement):
    """Statements in their order: what has no shape of its own (`with` after its Assigns, namespaces, labels)."""

    body: tuple[Statement, ...]


@dataclass(slots=True, eq=False)
class Import(Statement):
    """`name` now means the dotted API path `path` ("os.path", "child_process.exec"). `import *`: name "*"."""

    name: str
    path: str


@dataclass(slots=True, eq=False)
class Parameter:
    """type_name: as declared, dotted, without generics.

    decorators: Java's and C#'s annotations on it, dotted, arguments left out.
    """

    name: str
    type_name: str | None = None
    default: Expression | None = None
    decorators: tuple[str, ...] = ()
    is_rest: bool = False
    pattern: Expression | None = None  # a destructured parameter: its targets; `name` is then made up


@dataclass(slots=True, eq=False)
class Function(Statement):
    """name: "" for closures. decorators: as expressions (Call where they have arguments).

    span: of all; name_span: of the name.
    """

    name: str
    name_span: Span
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    decorators: tuple[Expression, ...] = ()
    is_broken: bool = False  # there is a syntax error in it


@dataclass(slots=True, eq=False)
class Class(Statement):
    """bases: dotted, as written. body: fields as Assigns to Name, methods as Functions."""

    name: str
    name_span: Span
    bases: tuple[str, ...]
    body: tuple[Statement, ...]
    decorators: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """A file. source: UTF-8. is_broken: it does not parse as a whole."""

    language: str
    source: bytes
    body: tuple[Statement, ...]
    is_broken: bool = False
    package: str = ""  # Java, Go, C#: what the file declares itself to be in
    functions: tuple[Function, ...] = field(default=(), compare=False)  # all, methods and nested ones too, in order

    def text(self, span: Span) -> str:
        """Return the source text of `span`."""
        return self.source[span.start : span.end].decode("utf-8", "replace")


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield `expression` and all expressions inside it, closures' bodies left out."""
    stack = [expression]
    while stack:
        each = stack.pop()
        yield each
        stack += reversed(list(operands(each)))


def operands(expression: Expression) -> Iterator[Expression]:  # noqa: C901 - a table of the forms, one case each
    """Yield the expressions right inside `expression`, in their order."""
    match expression:
        case Unknown(operands=inner) | Both(operands=inner) | Either(operands=inner) | Arithmetic(operands=inner):
            yield from inner
        case Attribute(base=base):
            yield base
        case Item(base=base, key=key):
            yield from (base, key)
        case Call(callee=callee, arguments=arguments):
            yield callee
            yield from (argument.value for argument in arguments)
        case Join(parts=parts):
            yield from parts
        case Collection(entries=entries):
            for name, value in entries:
                if name is not None:
                    yield name
                yield value
        case Choice(options=options, test=test):
            if test is not None:
                yield test
            yield from options
        case Comparison(left=left, right=right):
            yield from (left, right)
        case Not(operand=operand):
            yield operand
        case Assigned(target=target, value=value):
            yield from (value, target)
        case Comprehension(element=element):
            yield element
