"""A model's answer in Go -> tests that stand alone. Pure.

Invariants: each test is one function and imports what it uses, nothing else, since Go refuses more; what is cut off at
the answer's end, or does not parse, costs no other test; a test that never mentions the target is none.
"""

import re
import textwrap
from collections.abc import Collection
from dataclasses import replace

import tree_sitter

from lsp_server.context.secrets import has_secret
from lsp_server.tests_for.fences import code_of
from lsp_server.tests_for.framework import Answer, TestCode
from lsp_server.tests_for.merge_go import Package, packages_of
from lsp_server.tests_for.merge_text import Source, renamed, unique, walk

_FENCES = frozenset({"go", "golang"})
_TEST = re.compile(r"Test(?![a-z])\w*")
_MOST_TESTS = 20
_KNOWN = {
    "bytes": "bytes",
    "cmp": "cmp",
    "errors": "errors",
    "fmt": "fmt",
    "math": "math",
    "reflect": "reflect",
    "slices": "slices",
    "sort": "sort",
    "strconv": "strconv",
    "strings": "strings",
    "testing": "testing",
    "time": "time",
    "unicode": "unicode",
}
_REACHING = re.compile(r"\b(?:os|exec|net|http|syscall|ioutil|unsafe)\.\w")
"""What reaches for files, programs or the network: the sandbox would refuse it, or its scratch folder would hide it."""


def read_answer(answer: str, name: str, taken: Collection[str]) -> Answer:
    """Return the tests in `answer`. name: the target's. taken: names that no test may have."""
    source = Source("go", textwrap.dedent(code_of(answer, _FENCES)))
    packages = [package for node in source.root.children if node.type == "import_declaration"
                for package in packages_of(source.text(node))]  # fmt: skip
    helpers: dict[str, str] = {}
    tests: list[TestCode] = []
    dropped: list[str] = []
    names = set(taken)
    drafts = [node for node in walk(source.root) if node.type == "function_declaration"]
    for node in drafts:
        label = node.child_by_field_name("name")
        if label is not None and not _TEST.fullmatch(source.text(label)):
            helpers[source.text(label)] = source.text(node)
    dropped += ["were cut off or do not parse"] * (source.root.has_error and not _is_whole(drafts))
    for node in drafts[:_MOST_TESTS]:
        label = node.child_by_field_name("name")
        if label is None or not _TEST.fullmatch(source.text(label)):
            continue
        test = _test(source.text(node), source.text(label), name, packages, helpers, node)
        if isinstance(test, str):
            dropped.append(test)
            continue
        other = unique(test.name, names)
        names.add(other)
        text = renamed("go", test.text, test.name, other) if other != test.name else test.text
        tests.append(replace(test, name=other, text=text))
    return Answer(tuple(tests), tuple(dropped))


def claims_in(text: str) -> tuple[tuple[int, int], ...]:
    """Return the lines of the claims of a test: statements of its own level that may call `t`'s failing methods."""
    source = Source("go", text)
    body = next((node for node in walk(source.root) if node.type == "block"), None)
    held = [node for child in (body.named_children if body is not None else ())
            for node in (child.named_children if child.type == "statement_list" else [child])]  # fmt: skip
    return tuple(
        (node.start_point.row, node.end_point.row)
        for node in held
        if node.type == "if_statement" and re.search(r"\bt\.(?:Error|Fatal|Fail)", source.text(node))
    )


def _is_whole(drafts: list[tree_sitter.Node]) -> bool:
    return bool(drafts) and not any(node.has_error for node in drafts)


def _test(
    text: str, label: str, name: str, packages: list[Package], helpers: dict[str, str], node: tree_sitter.Node
) -> TestCode | str:
    """Return the test in `text`, or why it is none."""
    if node.has_error:
        return "were cut off or do not parse"
    body = text.partition("{")[2]
    if not re.search(rf"\b{re.escape(name)}\b", body):
        return f"do not call `{name}`"
    if not re.search(r"\bt\.(?:Error|Fatal|Fail|Run)", body):
        return "claim nothing"
    if any(re.search(rf"\b{re.escape(helper)}\(", body) for helper in helpers):
        return "need more than they say"
    if _REACHING.search(body):
        return "reach for files, programs or the network"
    if has_secret(text):
        return "hold something that looks like a secret"
    used = set(re.findall(r"\b([a-z]\w*)\.", text))
    known = {package.bound: package for package in packages}
    known |= {bound: Package(path) for bound, path in _KNOWN.items() if bound not in known}
    imports = sorted(f"import {known[each].words}" for each in used & known.keys())
    return TestCode(label, text, tuple(imports))
