"""The same test as a function of its own and as a method of a `unittest.TestCase`. Pure.

Invariant: what a test does stays; only the words of its claims change, where each style has words of its own.
"""

import re
import textwrap
from collections.abc import Sequence

import tree_sitter

from lsp_server.tests_for.python_source import first_child, tree_of, words_of

_TWO = {
    "assertEqual": "{} == {}",
    "assertEquals": "{} == {}",
    "assertListEqual": "{} == {}",
    "assertDictEqual": "{} == {}",
    "assertTupleEqual": "{} == {}",
    "assertSetEqual": "{} == {}",
    "assertCountEqual": "sorted({}) == sorted({})",
    "assertNotEqual": "{} != {}",
    "assertIs": "{} is {}",
    "assertIsNot": "{} is not {}",
    "assertIn": "{} in {}",
    "assertNotIn": "{} not in {}",
    "assertIsInstance": "isinstance({}, {})",
    "assertGreater": "{} > {}",
    "assertGreaterEqual": "{} >= {}",
    "assertLess": "{} < {}",
    "assertLessEqual": "{} <= {}",
    "assertAlmostEqual": "{} == pytest.approx({})",
}
_ONE = {
    "assertTrue": "{}",
    "assertFalse": "not {}",
    "assertIsNone": "{} is None",
    "assertIsNotNone": "{} is not None",
}
_METHODS = {"==": "assertEqual", "!=": "assertNotEqual", "in": "assertIn", "not in": "assertNotIn", "is": "assertIs"}
_SELF = re.compile(r"\bself\.(\w+)")
_LOOSE = frozenset({"boolean_operator", "conditional_expression", "lambda", "not_operator", "comparison_operator"})


def as_function(text: str) -> str | None:
    """Return a method without its class; None where it needs more of the class than names that it sets itself."""
    text = _replaced(text, _plain_claims(text))
    text = re.sub(r"\bself\.assertRaises(Regex)?\(", lambda found: _raises(found[1]), text)
    text = re.sub(r"(def \w+\()\s*self\s*,?\s*", r"\1", text, count=1)
    set_here = set(re.findall(r"\bself\.(\w+)\s*=(?!=)", text))
    if set(_SELF.findall(text)) - set_here or re.search(r"\bself\b(?!\.)", text):
        return None
    return _SELF.sub(r"\1", text)


def as_method(text: str) -> str:
    """Return a function as a method of a `TestCase`, its claims as that has them."""
    text = _replaced(text, _method_claims(text))
    text = re.sub(r"\bpytest\.raises\(", "self.assertRaises(", text)
    return re.sub(r"(def \w+\()(?!\s*self\b)\s*(?=(.?))", lambda found: _with_self(found[1], found[2]), text, count=1)


def with_lines_first(text: str, lines: Sequence[str]) -> str:
    """Return the function `text` with `lines`, from the margin, at the beginning of its body."""
    if not lines:
        return text
    function = next((node for node in _nodes(tree_of(text)) if node.type == "function_definition"), None)
    body = function.child_by_field_name("body") if function is not None else None
    if body is None:
        return text
    every = text.split("\n")
    row, indent = body.start_point.row, " " * body.start_point.column
    if function is not None and row == function.start_point.row:
        return text  # all in one line
    return "\n".join([*every[:row], textwrap.indent("\n".join(lines), indent), *every[row:]])


def _raises(is_regex: str | None) -> str:
    return "self.assertRaisesRegex(" if is_regex else "pytest.raises("


def _with_self(head: str, following: str) -> str:
    return f"{head}self" if following == ")" else f"{head}self, "


def _plain_claims(text: str) -> list[tuple[int, int, str]]:
    edits = []
    for node in _nodes(tree_of(text)):
        if node.type != "expression_statement" or (call := first_child(node)) is None or call.type != "call":
            continue
        function, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
        name = words_of(function).removeprefix("self.") if function is not None else ""
        given = [each for each in arguments.named_children if each.type != "comment"] if arguments is not None else []
        form, n_needed = (_TWO[name], 2) if name in _TWO else (_ONE.get(name), 1)
        if form is None or len(given) < n_needed or any(each.type == "keyword_argument" for each in given):
            continue
        said = f"assert {form.format(*(_closed(each) for each in given[:n_needed]))}"
        edits.append((node.start_byte, node.end_byte, said))
    return edits


def _closed(node: tree_sitter.Node) -> str:
    words = words_of(node)
    return f"({words})" if node.type in _LOOSE else words


def _method_claims(text: str) -> list[tuple[int, int, str]]:
    edits = []
    for node in _nodes(tree_of(text)):
        claim = first_child(node) if node.type == "assert_statement" else None
        if claim is not None:
            edits.append((node.start_byte, node.end_byte, _method_claim(claim)))
    return edits


def _method_claim(claim: tree_sitter.Node) -> str:
    words = words_of(claim)
    if claim.type == "not_operator" and (inner := first_child(claim)) is not None:
        return f"self.assertFalse({words_of(inner)})"
    if claim.type == "comparison_operator" and claim.named_child_count == 2:
        left, right = (words_of(each) for each in claim.named_children)
        operator = " ".join(words_of(each) for each in claim.children_by_field_name("operators"))
        if operator == "is" and right == "None":
            return f"self.assertIsNone({left})"
        if operator in _METHODS:
            return f"self.{_METHODS[operator]}({left}, {right})"
    return f"self.assertTrue({words})"


def _replaced(text: str, edits: list[tuple[int, int, str]]) -> str:
    source = text.encode(errors="replace")
    for start, end, words in sorted(edits, reverse=True):
        source = source[:start] + words.encode(errors="replace") + source[end:]
    return source.decode(errors="replace")


def _nodes(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    found = [node]
    for child in node.named_children:
        found += _nodes(child)
    return found
