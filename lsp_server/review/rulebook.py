"""The rules of all families, read from `rules/*.toml` and made ready to be asked by API path.

Owns the reading: a file that does not have the form of `rule_forms` is refused whole, with its name, the key and the
cause. Invariant: a rulebook never changes; `hash` tells whether two are the same.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import msgspec

from lsp_server.errors import HearthlineError
from lsp_server.review.api_paths import PatternTable, compile_pattern, spread_braces
from lsp_server.review.rule_forms import (
    COLLECTION_SHAPES,
    Condition,
    Dangerous,
    Example,
    Handler,
    LanguageTables,
    Propagator,
    Sink,
    Source,
    SourceTables,
)
from lsp_server.review.text_shapes import SHAPES

LANGUAGES = ("python", "javascript", "java", "go", "c", "ruby", "php", "csharp")
"""The languages that rules are written for."""

RULES_OF = {each: each for each in LANGUAGES} | {
    "javascriptreact": "javascript",
    "typescript": "javascript",
    "typescriptreact": "javascript",
    "html": "javascript",
    "cpp": "c",
}
"""Language identifier -> the language whose rules it reads."""

_SOURCES = "sources.toml"
_Form = TypeVar("_Form")


class RuleError(HearthlineError):
    """A rule file does not have the form of rules."""


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """A family of weaknesses. cwe: its number; also: other numbers that lists use for the same."""

    id: str
    cwe: int
    also: tuple[int, ...]
    title: str
    message: str
    examples: tuple[Example, ...] = ()

    def covers(self, cwe: int) -> bool:
        """Tell whether findings of this family answer for `cwe`."""
        return cwe == self.cwe or cwe in self.also


@dataclass(frozen=True, slots=True, eq=False)
class Ruled:
    """A family's rule of one kind, or with `family` None one that holds for every family."""

    family: Family | None
    rule: Any  # Sink | Sanitizer | Guard | Dangerous, as the table that holds it says


@dataclass(frozen=True, slots=True, eq=False)
class LanguageRules:
    """What the rules say of one language, by API path."""

    language: str
    sources: PatternTable[Source] = field(default_factory=PatternTable)
    source_names: PatternTable[Source] = field(default_factory=PatternTable)
    handler_names: dict[str, list[Handler]] = field(default_factory=dict)  # by the first parameter, nothing else asked
    handler_calls: PatternTable[Handler] = field(default_factory=PatternTable)
    handler_decorators: PatternTable[Handler] = field(default_factory=PatternTable)
    handler_bases: PatternTable[Handler] = field(default_factory=PatternTable)
    propagators: PatternTable[Propagator] = field(default_factory=PatternTable)
    sinks: PatternTable[Ruled] = field(default_factory=PatternTable)
    set_sinks: PatternTable[Ruled] = field(default_factory=PatternTable)
    return_sinks: dict[str, list[Ruled]] = field(default_factory=dict)
    sanitizers: PatternTable[Ruled] = field(default_factory=PatternTable)
    guards: PatternTable[Ruled] = field(default_factory=PatternTable)
    compare_guards: PatternTable[Ruled] = field(default_factory=PatternTable)
    dangerous: PatternTable[Ruled] = field(default_factory=PatternTable)
    set_dangerous: PatternTable[Ruled] = field(default_factory=PatternTable)

    def add_family(self, family: Family | None, tables: LanguageTables | SourceTables) -> None:
        """Take up what `tables` say. Raises ValueError on a pattern that cannot be read."""
        for guard in tables.guards:
            _check(guard.where)
            self.guards.add(guard.call, Ruled(family, guard))
            self.compare_guards.add(guard.compare, Ruled(family, guard))
        for sanitizer in tables.sanitizers:
            _check(sanitizer.where)
            self.sanitizers.add(sanitizer.call, Ruled(family, sanitizer))
        if isinstance(tables, SourceTables):
            self._add_sources(tables)
            return
        for sink in tables.sinks:
            self._add_sink(Ruled(family, sink), sink)
        for dangerous in tables.dangerous:
            self._add_dangerous(Ruled(family, dangerous), dangerous)

    def _add_sink(self, ruled: Ruled, sink: Sink) -> None:
        _check(sink.where)
        self.sinks.add(sink.call, ruled)
        self.set_sinks.add(sink.set, ruled)
        for handler in sink.return_of:
            self.return_sinks.setdefault(handler, []).append(ruled)

    def _add_dangerous(self, ruled: Ruled, dangerous: Dangerous) -> None:
        _check(dangerous.where)
        self.dangerous.add(dangerous.call, ruled)
        self.set_dangerous.add(dangerous.set, ruled)

    def _add_sources(self, tables: SourceTables) -> None:
        for source in tables.sources:
            self.sources.add(source.path, source)
            self.source_names.add([name.lower() for name in source.name], source)
        for handler in tables.handlers:
            if handler.parameters and not (handler.decorator or handler.call or handler.base):
                self.handler_names.setdefault(handler.parameters[0], []).append(handler)
            self.handler_calls.add(handler.call, handler)
            self.handler_decorators.add((*handler.decorator, *handler.parameter_decorator), handler)
            self.handler_bases.add(handler.base, handler)
        for propagator in tables.propagators:
            self.propagators.add(propagator.call, propagator)


@dataclass(frozen=True, slots=True, eq=False)
class Rulebook:
    """All families. hash: of everything that was read."""

    families: dict[str, Family]
    hash: str
    _by_language: dict[str, LanguageRules]

    def for_language(self, language_id: str) -> LanguageRules | None:
        """Return the rules that `language_id` reads; None for a language without rules."""
        return self._by_language.get(RULES_OF.get(language_id, ""))


@cache
def load() -> Rulebook:
    """Return the rulebook of this installation, read once. Raises RuleError when a file is not as it should be."""
    return read(resources.files("lsp_server.review") / "rules")


@cache
def rule_names() -> frozenset[str]:
    """Return the names of all rules, without reading one: each has a file that is called as it is."""
    files = (resources.files("lsp_server.review") / "rules").iterdir()
    stems = {file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")}
    return frozenset(stem.replace("_", "-") for stem in stems - {"sources"})


def read(folder: Traversable) -> Rulebook:
    """Return the rulebook of the files in `folder`. Raises RuleError, naming file, key and cause."""
    by_language = {language: LanguageRules(language) for language in LANGUAGES}
    families: dict[str, Family] = {}
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if not file.name.endswith(".toml"):
            continue
        text = file.read_text(encoding="utf-8")
        digest.update(file.name.encode() + b"\0" + text.encode() + b"\0")
        family = _read_file(file.name, text, by_language)
        if family is not None:
            families[family.id] = family
    return Rulebook(families, digest.hexdigest()[:16], by_language)


def _read_file(name: str, text: str, by_language: dict[str, LanguageRules]) -> Family | None:
    """Put what a file says into `by_language`; return its family, None for `sources.toml`."""
    try:
        written = tomllib.loads(text)
        family = None if name == _SOURCES else _family(written)
        for language, tables in written.items():
            form: type[SourceTables | LanguageTables] = SourceTables if family is None else LanguageTables
            if language in by_language:
                by_language[language].add_family(family, _converted(tables, form, language))
            elif family is None or language not in _FAMILY_KEYS:
                raise ValueError(f"unknown key {language!r}; languages are {', '.join(LANGUAGES)}")
    except (ValueError, re.error, tomllib.TOMLDecodeError) as error:
        raise RuleError(f"The rule file {name} cannot be used: {error}.") from error
    return family


_FAMILY_KEYS = frozenset({"id", "cwe", "also", "title", "message", "examples"})


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A family's own keys."""

    id: str
    cwe: int
    also: tuple[int, ...]
    title: str
    message: str
    examples: tuple[Example, ...] = ()


def _family(written: dict[str, Any]) -> Family:
    head = _converted({key: written[key] for key in _FAMILY_KEYS if key in written}, _Head, "")
    return Family(head.id, head.cwe, head.also, head.title, head.message, head.examples)


def _converted(written: object, form: type[_Form], where: str) -> _Form:
    """Return `written` in its form. Raises ValueError that names the key below `where`."""
    try:
        return msgspec.convert(written, form)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {error}" if where else str(error)) from error


def _check(where: tuple[Condition, ...]) -> None:
    """Raise ValueError or re.error if a condition's pattern cannot be read."""
    for condition in where:
        for pattern in (condition.matches, condition.begins):
            re.compile(pattern or "")
        if condition.shape is not None and condition.shape not in (*COLLECTION_SHAPES, *SHAPES):
            raise ValueError(f"unknown shape {condition.shape!r}; there are {', '.join((*COLLECTION_SHAPES, *SHAPES))}")
        paths = condition.path if isinstance(condition.path, tuple) else (condition.path,)
        for pattern in (each for path in paths if path is not None for each in spread_braces(path)):
            compile_pattern(pattern)
