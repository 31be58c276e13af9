"""A model's answer in Python -> tests that stand alone, in the project's style. Pure.

Invariants: each test holds all it needs, or is dropped with a reason; what is cut off at the answer's end, or does not
parse, costs no other test; a test that never mentions the target is none.
"""

import re
import textwrap
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import tree_sitter

from lsp_server.context.secrets import has_secret
from lsp_server.tests_for.claims import SAID, said_by, without
from lsp_server.tests_for.fences import code_of
from lsp_server.tests_for.framework import Answer, TestCode
from lsp_server.tests_for.python_imports import Sources, imports_for, imports_in
from lsp_server.tests_for.python_source import (
    claims_in,
    definition_in,
    first_child,
    is_python,
    segments,
    tree_of,
    used_names,
    whole,
    words_of,
)
from lsp_server.tests_for.python_style import as_function, as_method, with_lines_first

_FENCES = frozenset({"python", "py", "python3"})
_FIXTURE = re.compile(r"@(?:pytest\.)?fixture\b")
_RETURNS = re.compile(r"\b(?:return|yield) (.+)\Z", re.DOTALL)
_GAP = re.compile(r"\w\(\s*\.\.\.\s*\)")
_MOST_TESTS = 20


@dataclass(frozen=True, slots=True)
class Style:
    """How tests are written here. holder: the class a method stands in, "" for functions.

    name: the target's, which a test must mention. owner: its class, "" where it has none; is_bound: it is called on an
    instance, which the class makes without arguments. mark: the decorator that runs a coroutine, "" where none does.
    """

    name: str
    owner: str = ""
    is_bound: bool = False
    holder: str = ""
    mark: str = ""


@dataclass(slots=True)
class _Parts:
    """What an answer is made of. helpers: text by name, of what tests may use; fixtures: what they stand for."""

    drafts: list[str] = field(default_factory=list)
    imports: dict[str, str] = field(default_factory=dict)
    helpers: dict[str, str] = field(default_factory=dict)
    fixtures: dict[str, str] = field(default_factory=dict)
    loose: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def read_answer(answer: str, style: Style, sources: Sources, taken: Collection[str]) -> Answer:
    """Return the tests in `answer`. taken: names that no test may have."""
    parts = _parts(code_of(answer, _FENCES))
    if parts.loose:
        parts.drafts.append(f"def test_{snake_case(style.name)}():\n" + textwrap.indent("\n".join(parts.loose), "    "))
    names = set(taken)
    tests: list[TestCode] = []
    dropped = list(parts.dropped)
    seen: set[str] = set()
    for draft in parts.drafts[:_MOST_TESTS]:
        test = _test(draft, style, sources, parts)
        if isinstance(test, str):
            dropped.append(test)
            continue
        if said_by(test) in seen:
            dropped.append(SAID)
            continue
        seen.add(said_by(test))
        tests.append(_with_free_name(test, names))
    return Answer(tuple(tests), tuple(dropped))


def _parts(code: str) -> _Parts:
    parts = _Parts()
    for segment in segments(textwrap.dedent(code)):
        text = whole(segment)
        if text is None:
            if "def test" in segment:
                parts.dropped.append("were cut off or are not Python")
            continue
        definition = definition_in(text)
        if definition is None:
            _take_statement(text, parts)
        elif definition.type == "class_definition":
            _take_class(definition, parts)
        else:
            _take_function(text, definition, parts)
    return parts


def _take_statement(text: str, parts: _Parts) -> None:
    node = first_child(tree_of(text))
    if node is None:
        return
    if node.type in ("import_statement", "import_from_statement"):
        parts.imports |= imports_in(tree_of(text))
    elif node.type == "assert_statement":
        parts.loose.append(text)
    elif node.type == "expression_statement" and (first := first_child(node)) and first.type == "assignment":
        left = first.child_by_field_name("left")
        if left is not None and left.type == "identifier":
            parts.helpers[words_of(left)] = text


def _take_function(text: str, definition: tree_sitter.Node, parts: _Parts) -> None:
    name = words_of(definition.child_by_field_name("name"))
    if _FIXTURE.match(text):
        body = words_of(definition.child_by_field_name("body")).strip()
        returned = _RETURNS.match(body)
        if returned is not None:
            parts.fixtures[name] = f"{name} = {returned[1]}"
    elif name.startswith("test"):
        parts.drafts.append(text)
    else:
        parts.helpers[name] = text


def _take_class(definition: tree_sitter.Node, parts: _Parts) -> None:
    """Take the test methods of a class, each with what `setUp` does in front."""
    body = definition.child_by_field_name("body")
    members = [*segments(textwrap.dedent(_lines_of(body)))] if body is not None else []
    first: list[str] = []
    for member in members:
        function = definition_in(member)
        if function is not None and words_of(function.child_by_field_name("name")) in ("setUp", "setup_method"):
            first = textwrap.dedent(_lines_of(function.child_by_field_name("body"))).split("\n")
    for member in members:
        function = definition_in(member)
        if function is not None and words_of(function.child_by_field_name("name")).startswith("test"):
            parts.drafts.append(with_lines_first(member, first))


def _lines_of(node: tree_sitter.Node | None) -> str:
    return " " * node.start_point.column + words_of(node) if node is not None else ""


def _test(draft: str, style: Style, sources: Sources, parts: _Parts) -> TestCode | str:
    """Return the test in `draft`, or why it is none."""
    text = _called_rightly(draft, style)
    if not re.search(rf"\b{re.escape(style.name)}\b", text) and style.name != "__init__":
        return f"do not call `{style.name}`"
    if has_secret(text):
        return "hold something that looks like a secret"
    for name, line in parts.fixtures.items():
        without = re.sub(rf"(\(|,\s*){re.escape(name)}\s*(?=[,)])", r"\1", text, count=1)
        if without != text:
            text = with_lines_first(re.sub(r"\(\s*,\s*", "(", without, count=1), [line])
    helpers = [parts.helpers[name] for name in _order(used_names(text), parts)]
    text = with_lines_first(text, [line for helper in helpers for line in helper.split("\n")])
    styled = _styled(text, style)
    if styled is None:
        return "need a class of their own"
    filled = _filled_in(styled)
    if filled is None:
        return "are a form that is not filled in"
    styled = filled
    imports, missing = imports_for(used_names(styled), sources, parts.imports)
    if missing:
        return "use names that nothing defines"
    if style.holder:
        imports = sorted({*imports, "import unittest"})
    definition = definition_in(styled)
    if definition is None or not is_python(styled):
        return "were cut off or are not Python"
    return TestCode(words_of(definition.child_by_field_name("name")), styled, tuple(imports), style.holder)


def _filled_in(text: str) -> str | None:
    """Return a test without the claims that leave out what is called with; None where it has no other."""
    claims, lines = claims_in(text), text.split("\n")
    gaps = [claim for claim in claims if _GAP.search("\n".join(lines[claim[0] : claim[1] + 1]))]
    return None if gaps and len(gaps) == len(claims) else without(TestCode("", text), gaps).text


def _order(names: Collection[str], parts: _Parts) -> Iterator[str]:
    """Give the helpers among `names`, and those that these need, in the order of the answer."""
    wanted = set(names) & parts.helpers.keys()
    while True:
        more = {name for each in wanted for name in used_names(parts.helpers[each])} & parts.helpers.keys()
        if more <= wanted:
            break
        wanted |= more
    yield from (name for name in parts.helpers if name in wanted)


def _called_rightly(text: str, style: Style) -> str:
    """Have a method called on an instance where an answer calls it on its class, or with no class at all."""
    if not style.is_bound:
        return text
    name, owner = re.escape(style.name), re.escape(style.owner)
    text = re.sub(rf"\b{owner}\.{name}\((?!\s*{owner}\()", f"{style.owner}().{style.name}(", text)
    return re.sub(rf"(?:\bself\.|(?<![\w.])(?<!def )){name}\(", f"{style.owner}().{style.name}(", text)


def _styled(text: str, style: Style) -> str | None:
    is_method = re.search(r"def \w+\(\s*self\b", text) is not None
    if style.holder:
        text = text if is_method else as_method(text)
    elif is_method:
        functional = as_function(text)
        if functional is None:
            return None
        text = functional
    return _run_async(text, style)


def _run_async(text: str, style: Style) -> str:
    """Have somebody run a test that is a coroutine."""
    if not re.match(r"(?:@.*\n)*async def", text):
        return text
    if style.mark:
        return text if "@pytest.mark.a" in text else f"{style.mark}\n{text}"
    signature, _, rest = text.partition("async def ")[2].partition(":\n")
    inner = textwrap.indent(f"async def run():\n{rest}\n\nasyncio.run(run())", "    ")
    return f"def {signature}:\n{inner}"


def _with_free_name(test: TestCode, names: set[str]) -> TestCode:
    name, number = test.name, 1
    while name in names:
        number += 1
        name = f"{test.name}_{number}"
    names.add(name)
    return replace(test, name=name, text=test.text.replace(test.name, name, 1))


def snake_case(name: str) -> str:
    """Return `name` as part of a test's name: snake_case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")
