"""What the first line at a place must look like, and that an engine holds answers to just that."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.constraints import compile_grammar
from inference.grammars import Grammar
from inference.models.tokenizer import Tokenizer
from lsp_server.completion.held import begun_of, held_at
from lsp_server.completion.place import Place, place_at
from lsp_server.completion.shape import Slot, slots_at, to_grammar
from lsp_server.completion.statements import Line, read_statements, steps_of
from lsp_server.document import Document, Position
from tests.tiny_model import CONTROL_TOKENS, END_ID, write_tiny_checkpoint

N_LOGITS = 256 + len(CONTROL_TOKENS)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """One token a byte."""
    return Tokenizer.from_directory(write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny"))


def place_of(document: str, language_id: str = "python") -> Place:
    before, _, after = document.partition("‸")
    position = Position(before.count("\n"), len(before.rpartition("\n")[2]))
    return place_at(Document("file:///case", before + after, version=1, language_id=language_id).snapshot(), position)


def slots_of(document: str) -> list[str]:
    """Write each slot as its depth and `any`, `stay` or `head`."""
    slots = slots_at(place_of(document))
    return [f"{len(slot.indent)} {'head' if slot.words else 'stay' if slot.stays else 'any'}" for slot in slots]


@pytest.mark.parametrize(
    ("document", "slots"),
    [
        ("def f():\n‸\n", ["4 any"]),
        ("def f():\n‸\n    return 1\n", ["4 stay"]),
        ("def f():\n    ‸\n    return 1\n", ["4 stay"]),
        ("def f():\n    for a in b:\n‸\n            total += a\n", ["8 head"]),
        ("def f():\n    a = 1\n‸\n        b = 2\n", ["4 head"]),
        ("def f():\n    a = 1\n‸\n    b = 2\n", ["4 stay", "0 head"]),
        ("def f():\n    for a in b:\n        c(a)\n‸\n    return 1\n", ["8 any", "4 stay", "0 head"]),
        ("def f():\n    for a in b:\n        c(a)\n    ‸\n    return 1\n", ["8 any", "4 stay"]),
        ("def f():\n    if a:\n        return 1\n‸\n    return 2\n", ["4 stay", "0 head"]),
        ("if a:\n    b()\n‸\nelse:\n    c()\n", ["4 any", "0 head"]),
        ("def f():\n    a = 1\n‸\ndef g():\n    pass\n", ["4 any", "0 any"]),
        ("def f():\n    a = 1\n‸", ["4 any"]),
        ("def f():\n    a = 1\n\n‸", []),
        ("def f():\n    return 1\n‸", []),
        ("a = 1\n‸", []),
        ('def f():\n    """Say."""\n‸', ["4 any"]),
        ('def f():\n    """Say.\n\n      More: (\n    """\n\n‸\n    return 1\n', ["4 stay"]),
        ("def f(\n    a,\n‸\n    b,\n):\n    pass\n", ["4 any"]),
        ("def f(\n    a,\n‸\n    pass\n", []),
        ("a = {\n‸\n    'b': 1,\n}\n", []),
        ("a = 1 + \\\n‸\nb = 2\n", []),
        ("@wraps(f)\n‸\n", []),
        ("a = 1 ‸\nb = 2\n", []),
        ("if a:\n  b()\n‸\n    c()\n", ["2 head"]),
        ("if a:\n\tb()\n‸\n    c()\n", []),
        ('def f():\n    """Say\n‸\n    more."""\n    return 1\n', []),
    ],
)
def test_what_stands_around_tells_what_may_stand_between(document: str, slots: list[str]) -> None:
    assert slots_of(document) == slots


def test_other_languages_have_no_shape() -> None:
    assert slots_at(place_of("if (a) {\n‸\n}\n", "javascript")) == []


@pytest.mark.parametrize(
    ("document", "first", "words"),
    [
        ("if a:\n    b()\n‸\n    c()\n", "0", {"elif", "else", "if", "for", "while", "with"}),
        ("if a:\n    b()\n‸\n    c()\nelse:\n    d()\n", "0", {"elif", "if", "for", "while"}),
        ("a = 1\n‸\n    c()\nexcept E:\n    d()\n", "0", {"try"}),
        ("try:\n    b()\n‸\n    c()\nfinally:\n    d()\n", "0", {"except", "try"}),
        ("a = 1\n\n‸\n    c()\n", "0", {"if", "for", "while", "with", "def", "class", "async"}),
    ],
)
def test_a_header_goes_with_what_it_follows_and_what_follows_it(document: str, first: str, words: set[str]) -> None:
    slots = slots_at(place_of(document))
    assert {str(len(slot.indent)): slot.words for slot in slots}[first] == frozenset(words)


def says(tokenizer: Tokenizer, grammar: str, text: str) -> bool:
    """Tell whether `text` is a whole answer."""
    constraint = compile_grammar(Grammar("grammar", grammar, "field"), tokenizer, {END_ID}, 1000)
    for index, token in enumerate(raw := text.encode()):
        if not constraint.allow([], N_LOGITS)[0][token]:
            return False
        if constraint.keep([token]) is not None:
            return index + 1 == len(raw)
    return bool(constraint.allow([], N_LOGITS)[0][END_ID])


SLOTS = [Slot("    ", stays=True), Slot("  ", frozenset({"if", "else"}))]


@pytest.mark.parametrize(
    ("answer", "is_right"),
    [
        ("    a = 1", True),
        ("    a = 1\n\nanything\n", True),
        ("    return a", False),
        ("    returned = a", False),
        ("  if a:\n    b", True),
        ("  if a", False),
        ("  else:", True),
        ("  elsewhere:", False),
        ("   a = 1", False),
        ("", False),
        ("\n    a = 1", False),
    ],
)
def test_an_engine_holds_an_answer_to_it(tokenizer: Tokenizer, answer: str, is_right: bool) -> None:
    assert says(tokenizer, to_grammar(SLOTS), answer) is is_right


LINES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(LINES, st.sampled_from(["    ", "\t"]))
def test_whatever_is_typed_can_be_held_to(tokenizer: Tokenizer, line: str, indent: str) -> None:
    held = held_at(place_of(f"def f():\n{indent}{line}‸\n{indent}return 1\n"))
    if held is not None:
        begun = held.begun if not held.said else held.begun[len(held.said) :] or indent[-1:]
        assert says(tokenizer, held.grammar, begun + "x = 1\n")


@pytest.mark.parametrize(
    ("before", "begun"),
    [
        ("", ""),
        ("    ", "    "),
        ("    ret", "    ret"),
        ("x = fo", " fo"),
        ("x = ", " "),
        ("f(", ""),
        ("a.b", "b"),
        ("x" * 41, ""),
    ],
)
def test_a_prompt_ends_where_a_token_surely_begins(before: str, begun: str) -> None:
    assert begun_of(before) == begun


def test_statements_are_read_past_texts_brackets_and_comments() -> None:
    lines = ["def f(", "        a,", "):", "    '''Say", "  more'''", "    # so", "    x = f'it is \"{a}'", "    y = ("]
    found = read_statements(lines, "python")
    assert found.lines == [
        Line("", "def f(", opens=True),
        Line("    ", "'''Say"),
        Line("    ", "x = f'it is \"{a}'"),
        Line("    ", "y = ("),
    ]
    assert (found.is_open, found.is_in_brackets, found.is_in_text) == (True, True, False)
    assert steps_of(found.lines) == ["    "]
    assert read_statements(['"""Say', "more"], "python").is_in_text
