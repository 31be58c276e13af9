"""What is known of the functions and classes of a file.

Invariant: an info is made once for each function and class that the walk meets; what its walk found out (`result`,
`reached`, `fields`) only ever grows.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lsp_server.review import ir
from lsp_server.review.rule_forms import Handler
from lsp_server.review.rulebook import Ruled
from lsp_server.review.taint.frames import Frame
from lsp_server.review.taint.values import CLEAN, Symbol, Taint, Value

if TYPE_CHECKING:
    from lsp_server.review.taint.records import Record


class Hit(NamedTuple):
    """A rule was met at `span`.

    taint: what got there; None for what is dangerous by itself. call: how the callee is written. path: of the file it
    stands in, None for the reviewed one.
    """

    ruled: Ruled
    span: ir.Span
    symbol: str
    call: str
    taint: Taint | None = None
    path: str | None = None


@dataclass(slots=True, eq=False)
class FunctionInfo:
    """A function. frame: where it was defined. record: of the statement of the file that it stands in.

    result: what it returns, in terms of its parameters' Symbols. reached: hits of values that come from its parameters.
    """

    function: ir.Function
    frame: Frame
    symbol: str
    record: "Record"
    symbols: tuple[Symbol, ...] = ()
    owner: "ClassInfo | None" = None
    handlers: tuple[Handler, ...] = ()
    is_walked: bool = False
    is_walking: bool = False
    result: Value = CLEAN
    reached: list[Hit] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class ClassInfo:
    """A class. paths: API paths of its bases. record: as a function's.

    fields: what its methods put into the attributes of an instance.
    """

    declaration: ir.Class
    frame: Frame
    symbol: str
    paths: tuple[str, ...]
    record: "Record"
    bases: tuple["ClassInfo", ...] = ()
    methods: dict[str, FunctionInfo] = field(default_factory=dict)
    fields: dict[str, Value] = field(default_factory=dict)
    is_walked: bool = False

    def method(self, name: str) -> FunctionInfo | None:
        """Return the method `name`, its own or that of a base in the file."""
        for info in self.lineage():
            if name in info.methods:
                return info.methods[name]
        return None

    def field(self, name: str) -> Value | None:
        """Return what an instance's attribute `name` may be."""
        for info in self.lineage():
            if name in info.fields:
                return info.fields[name]
        return None

    def constructor(self) -> FunctionInfo | None:
        """Return what is called when an instance is made."""
        for name in (*CONSTRUCTORS, self.declaration.name):
            method = self.method(name)
            if method is not None:
                return method
        return None

    def lineage(self) -> "list[ClassInfo]":
        """Return the class and its bases in the file, nearest first."""
        line: list[ClassInfo] = [self]
        for info in line:
            line += [base for base in info.bases if base not in line]
        return line


class Instance(NamedTuple):
    """An object of a class of the file."""

    of: ClassInfo


Callable = FunctionInfo | ClassInfo | Instance

CONSTRUCTORS = ("__init__", "constructor", "initialize", "__construct", "<init>")
"""What constructors are called; where they are called as their class, that is tried as well."""
