"""The forms of rules as they stand in `rules/*.toml`. Pure; what they mean is told in `rules/README.md`.

Invariant: a key that is not here is refused when the rules are read; nothing here decides what matches.
"""

from typing import Literal

import msgspec

Constant = str | int | float | bool
Patterns = tuple[str, ...]
Position = int | str
COLLECTION_SHAPES = ("list", "record")
Kind = Literal["remote", "local", "file", "secret", "error", "download", "environment", "library", "random"]


class _Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True, eq=False):
    """Base: no unknown keys, compared by identity."""


class Condition(_Form, frozen=True, rename={"is_": "is", "negated": "not"}, kw_only=True):
    """What must hold of an argument. Without any test it must be given."""

    argument: Position | tuple[Position, ...]
    absent: bool = False
    is_: Constant | tuple[Constant, ...] | None = None
    is_not: Constant | tuple[Constant, ...] | None = None
    matches: str | None = None
    shape: str | None = None
    begins: str | None = None
    path: str | Patterns | None = None
    constant: bool = False
    tainted: bool = False
    element: Position | None = None
    negated: bool = False


class Sink(_Form, frozen=True, kw_only=True):
    """Where outside data must not get."""

    call: Patterns = ()
    set: Patterns = ()
    return_of: Patterns = ()
    argument: Position | tuple[Position, ...] = 0
    confidence: Literal["low", "medium", "high"] = "high"
    kinds: tuple[Kind, ...] = ("remote", "local")
    where: tuple[Condition, ...] = ()
    unless: Patterns = ()


class Sanitizer(_Form, frozen=True, kw_only=True):
    """A call whose result is clean."""

    call: Patterns
    where: tuple[Condition, ...] = ()


class Guard(_Form, frozen=True, kw_only=True):
    """A test after which the tested value is clean."""

    call: Patterns = ()
    compare: Patterns = ()
    argument: Position | tuple[Position, ...] = 0
    holds: bool = True
    where: tuple[Condition, ...] = ()


class Dangerous(_Form, frozen=True, kw_only=True):
    """A call or an assignment that is a finding whatever flows."""

    call: Patterns = ()
    set: Patterns = ()
    confidence: Literal["low", "medium", "high"] = "high"
    where: tuple[Condition, ...] = ()
    unless: Patterns = ()


class Source(_Form, frozen=True, kw_only=True):
    """A value that comes from outside. path: API paths; name: of variables, attributes, parameters and keys."""

    label: str
    path: Patterns = ()
    name: Patterns = ()
    kind: Kind = "remote"


class ParameterType(_Form, frozen=True, kw_only=True):
    """A handler's parameter, by position or name, that has API path `path`."""

    parameter: Position
    path: str


class Handler(_Form, frozen=True, kw_only=True):
    """Functions that are called from outside. name: what `return_of` calls them."""

    name: str
    decorator: Patterns = ()
    call: Patterns = ()
    base: Patterns = ()
    method: Patterns = ()
    parameters: tuple[str, ...] = ()
    parameter_decorator: Patterns = ()
    tainted: Position | tuple[Position, ...] = ()
    but_types: tuple[str, ...] = ()
    types: tuple[ParameterType, ...] = ()
    label: str = "a request's parameter"
    kind: Kind = "remote"


class Propagator(_Form, frozen=True, kw_only=True):
    """A call whose result holds what its arguments held."""

    call: Patterns
    argument: Position | tuple[Position, ...] = "any"
    into: Position | None = None
    constants: bool = False


class LanguageTables(_Form, frozen=True, kw_only=True):
    """What a family says of one language."""

    sinks: tuple[Sink, ...] = ()
    sanitizers: tuple[Sanitizer, ...] = ()
    guards: tuple[Guard, ...] = ()
    dangerous: tuple[Dangerous, ...] = ()


class SourceTables(_Form, frozen=True, kw_only=True):
    """What `sources.toml` says of one language. sanitizers: of every family."""

    sources: tuple[Source, ...] = ()
    handlers: tuple[Handler, ...] = ()
    propagators: tuple[Propagator, ...] = ()
    sanitizers: tuple[Sanitizer, ...] = ()
    guards: tuple[Guard, ...] = ()


class Example(_Form, frozen=True, kw_only=True):
    """A program with marks on the lines that this family must report."""

    language: str
    code: str


def positions(argument: Position | tuple[Position, ...]) -> tuple[Position, ...]:
    """Return one position or several as a tuple."""
    return argument if isinstance(argument, tuple) else (argument,)
