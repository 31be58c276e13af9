"""A model's answer in JavaScript or TypeScript -> tests that stand alone. Pure.

Invariants: each test holds all it needs, or is dropped with a reason; what is cut off at the answer's end, or does not
parse, costs no other test; a test that never mentions the target is none.
"""

import re
import textwrap
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import tree_sitter

from lsp_server.context.secrets import has_secret
from lsp_server.tests_for.claims import SAID, said_by
from lsp_server.tests_for.fences import code_of
from lsp_server.tests_for.framework import Answer, TestCode
from lsp_server.tests_for.javascript_asserts import as_assert
from lsp_server.tests_for.javascript_source import callback_of, spread
from lsp_server.tests_for.merge_javascript_imports import Atom, statements, written
from lsp_server.tests_for.merge_text import TITLED, Source, unique

_FENCES = frozenset({"javascript", "js", "typescript", "ts", "jsx", "tsx", "mjs", "cjs"})
_TEST = re.compile(r"(?:test|it)(?:\.\w+)*\s*\(|(?:test|it)\.each\b")
_LAST_TEST = re.compile(r"^([ \t]*)(?:test|it)\b", re.MULTILINE)
_GROUP = re.compile(r"(?:describe|suite)\b")
_HOOK = re.compile(r"beforeEach\s*\(")
_DECLARATIONS = {"lexical_declaration", "variable_declaration", "function_declaration", "class_declaration"}
_MOST_TESTS = 20
_REACHING = re.compile(
    r"""["'](?:node:)?(?:child_process|cluster|dgram|https?|net|tls|worker_threads)["']|(?<![\w$.])fetch\(|"""
    r"\bprocess\.(?:abort|chdir|exit|kill)\b|\b(?:(?:write|append|copy)File|mkdir|mkdtemp|rename|rm|rmdir|symlink|truncate|"
    r"unlink)(?:Sync)?\(|\bcreateWriteStream\("
)
"""What writes, or reaches for programs or the network. Node's own tests are watched for it (`runners/node_tests.mjs`);
in vitest and jest the sandbox would let it write where nobody sees it, and the person's own run would not."""


@dataclass(frozen=True, slots=True)
class Style:
    """How tests are written here.

    name: the target's, which a test must mention. reached: what imports the target. own: the framework's names by the
    module they come from, "" for those that need no import. uses_expect: what tests claim with; else `assert`.
    """

    language_id: str
    name: str
    reached: Atom
    own: dict[str, tuple[str, ...]]
    is_module: bool
    uses_expect: bool

    @property
    def has_test(self) -> bool:
        """Whether tests may be calls of `test`, and not of `it` alone."""
        return any("test" in names for names in self.own.values())


@dataclass(slots=True)
class _Parts:
    """What a level of an answer is made of. helpers: text by name; first: what every test begins with."""

    helpers: dict[str, str] = field(default_factory=dict)
    first: list[str] = field(default_factory=list)
    tests: list[tree_sitter.Node] = field(default_factory=list)
    groups: list[tree_sitter.Node] = field(default_factory=list)
    n_broken: int = 0


def read_answer(answer: str, style: Style, taken: Collection[str]) -> Answer:
    """Return the tests in `answer`. taken: titles that no test may have."""
    source = _closed(style.language_id, textwrap.dedent(code_of(answer, _FENCES)))
    imported = [atom for each in statements(source) for atom in each.atoms]
    parts = _parts(source, source.root.children)
    drafts = list(_drafts(source, parts))
    dropped = ["were cut off or do not parse"] * parts.n_broken
    titles, seen = set(taken), set[str]()
    tests = []
    for text, prefix in drafts[:_MOST_TESTS]:
        test = _test(text, prefix, imported, style, titles)
        if isinstance(test, str):
            dropped.append(test)
            continue
        if said_by(test) in seen:
            dropped.append(SAID)
            continue
        seen.add(said_by(test))
        titles.add(test.name)
        tests.append(test)
    return Answer(tuple(tests), tuple(dropped))


def _closed(language_id: str, code: str) -> Source:
    """Return `code`, closed behind its last whole statement where it was cut off in a test."""
    source = Source(language_id, code)
    end = code.rfind(";\n") + 1 if not code.rstrip().endswith(";") else len(code.rstrip())
    margin = next(iter(_LAST_TEST.findall(code)[-1:]), "")
    for closing in (f"\n{margin}}});", f"\n{margin}}});\n}});") if source.root.has_error and end else ():
        closed = Source(language_id, code[:end] + closing)
        if closed.parses:
            return closed
    return source


def _parts(source: Source, nodes: Iterable[tree_sitter.Node]) -> _Parts:
    parts = _Parts()
    for node in nodes:
        text = source.text(node)
        if node.has_error or node.type == "ERROR":
            parts.n_broken += bool(re.search(r"\b(?:test|it)\s*\(", text))
        elif node.type in _DECLARATIONS and "require(" not in text:
            parts.helpers |= dict.fromkeys(_declared(source, node), _lines(source, node))
        elif node.type == "expression_statement" and _GROUP.match(text):
            parts.groups.append(node.children[0])
        elif node.type == "expression_statement" and _HOOK.match(text):
            body = callback_of(node.children[0])
            parts.first += [_lines(source, each) for each in body.named_children] if body is not None else []
        elif node.type == "expression_statement" and _TEST.match(text):
            parts.tests.append(node)
    return parts


def _drafts(source: Source, parts: _Parts) -> Iterator[tuple[str, list[str]]]:
    """Give each test's text, with the lines it needs in front of its own."""
    for node in parts.tests:
        text = _lines(source, node)
        yield text, [*_needed("\n".join([text, *parts.first]), parts.helpers), *parts.first]
    for group in parts.groups:
        body = callback_of(group)
        if body is not None:
            inner = _parts(source, body.named_children)
            inner.helpers, inner.first = parts.helpers | inner.helpers, parts.first + inner.first
            yield from _drafts(source, inner)
            parts.n_broken += inner.n_broken


def _needed(text: str, helpers: dict[str, str]) -> list[str]:
    """Return the helpers that `text` uses, and those that these use, in the order of the answer."""
    wanted: set[str] = set()
    waiting = [text]
    while waiting:
        used = set(re.findall(r"[\w$]+", waiting.pop())) & helpers.keys() - wanted
        wanted |= used
        waiting += [helpers[name] for name in used]
    return list(dict.fromkeys(helpers[name] for name in helpers if name in wanted))


def _test(text: str, prefix: list[str], imported: list[Atom], style: Style, titles: Collection[str]) -> TestCode | str:
    """Return the test in `text`, or why it is none."""
    if not style.has_test:
        text = re.sub(r"\Atest\b", "it", text)
    if not style.uses_expect:
        text = as_assert(style.language_id, text)
    whole = _with_first(style.language_id, spread(style.language_id, text), prefix)
    if whole is None:
        return "need more than they say"
    text = whole
    if not re.search(rf"(?<![\w$]){re.escape(style.name)}\b", text.partition("=>")[2] or text):
        return f"do not call `{style.name}`"
    if not re.search(r"\b(?:expect|assert)\b", text):
        return "claim nothing"
    if has_secret(text):
        return "hold something that looks like a secret"
    title = re.search(r"""^[\w.]+(?:\(.*?\))?\(\s*(["'`])(.*?)\1""", text, re.DOTALL)
    if title is None or not title[2].strip():
        return "have no title"
    plain = title[2].removesuffix("...").strip() or style.name  # the form's dots
    name = unique(plain, titles, TITLED)
    if name != title[2]:
        text = text.replace(title[2], name, 1)
    imports = tuple(_imports(text, imported, style))
    if style.uses_expect and _REACHING.search("\n".join([text, *imports])):
        return "reach for files, programs or the network"
    return TestCode(name, text, imports)


def _imports(text: str, imported: list[Atom], style: Style) -> Iterator[str]:
    """Give the statements that bind what `text` uses."""
    used = set(re.findall(r"(?<![\w$.])[A-Za-z_$][\w$]*", text))
    own = [
        Atom(module, "default" if name == "assert" else name, name)
        for module, names in style.own.items()
        for name in names
        if module and name in used
    ]
    known = {atom.bound for atom in own} | {name for names in style.own.values() for name in names}
    atoms = [*own, *([style.reached] if style.reached.bound in used else [])]
    known |= {style.reached.bound}
    for atom in imported:
        if atom.bound in used and atom.bound not in known:
            is_target = atom.module.startswith(".") and atom.is_named
            atoms.append(atom._replace(module=style.reached.module) if is_target else atom)
            known.add(atom.bound)
    by_module = sorted(dict.fromkeys(atoms), key=lambda atom: (atom.module.startswith("."), atom.module))
    yield from written(by_module, is_module=style.is_module)


def _with_first(language_id: str, text: str, lines: list[str]) -> str | None:
    """Return `text` with `lines` in front of what its function does; None where that has no place for them."""
    if not lines:
        return text
    source = Source(language_id, text)
    call = next((node.children[0] for node in source.root.children if node.type == "expression_statement"), None)
    body = callback_of(call) if call is not None else None
    if body is None:
        return None
    at, end = body.start_byte + 1, body.end_byte - 1
    inner = source.data[at:end].decode()
    if "\n" not in inner:
        inner = f"\n  {inner.strip()}\n"
    added = "".join(f"\n{textwrap.indent(each, '  ')}" for each in lines)
    return source.data[:at].decode() + added + inner + source.data[end:].decode()


def _declared(source: Source, node: tree_sitter.Node) -> list[str]:
    names = [node.child_by_field_name("name")]
    names += [child.child_by_field_name("name") for child in node.children if child.type == "variable_declarator"]
    return [source.text(name) for name in names if name is not None]


def _lines(source: Source, node: tree_sitter.Node) -> str:
    """Return the text of `node` from the margin."""
    return textwrap.dedent(" " * len(source.indentation(node)) + source.text(node))
