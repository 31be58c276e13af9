"""What a line tells about structure, by table and regular expression: blocks, closers, comments, brackets, quotes.

Invariant: nothing looks ahead. What is said of a character depends on the characters before it alone, so that a text
that is still being written reads the same as its beginning does later.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
_OPENER_OF = {closer: opener for opener, closer in CLOSER_OF.items()}

_PROSE = frozenset({"markdown", "plaintext", "restructuredtext", "latex"})
_LINES_ARE_WHOLE = _PROSE | {"yaml", "html", "css", "csv"}
_SCRIPTS = frozenset({"python", "shellscript", "ruby", "perl", "r", "julia", "elixir", "coffeescript", "powershell"})
_HASH_COMMENTS = _SCRIPTS | {"yaml", "toml", "makefile", "dockerfile"}
_DASH_COMMENTS = frozenset({"sql", "lua", "haskell", "ada", "elm"})
_NO_SINGLE_QUOTES = _PROSE | {"rust", "haskell", "clojure", "lisp", "scheme", "fsharp", "ocaml"}

_COLON_BLOCKS = frozenset({"python", "yaml", "nim", "gdscript", "starlark"})
_END_BLOCKS = frozenset({"ruby", "lua", "julia", "elixir", "shellscript", "crystal"})
_EQUALS_BLOCKS = frozenset({"fsharp", "haskell", "scala", "ocaml"})
_SEMICOLON_LANGUAGES = frozenset({"c", "cpp", "csharp", "java", "php", "objective-c", "d"})

_CHAINING = frozenset({"rust", "java", "csharp", "kotlin", "swift", "scala", "dart", "ruby", "php", "cpp"}) | frozenset(
    {"javascript", "javascriptreact", "typescript", "typescriptreact"}
)
_LINK = re.compile(r"\??\.|->")

_POSTFIX_CONDITIONS = frozenset({"ruby", "perl", "crystal", "coffeescript"})
_GUARD = re.compile(r"\s(?:if|unless)\s")

_BRACKET_AT_END = re.compile(r"(?:[({\[]|=>)$")
_END_OPENER = re.compile(
    r"^\s*(?:def|class|module|if|unless|elif|elsif|else|elseif|for|while|until|case|begin|struct|function|macro|let"
    r"|local function|try|catch|repeat)\b|\b(?:do|then)(?:\s*\|[^|]*\|)?$|\bfunction\s*\([^)]*\)$"
)
_CLAUSE_WORDS = (
    *("else", "elif", "elsif", "elseif", "except", "finally", "catch", "rescue", "ensure", "case", "when"),
    *("default", "in"),
)
_CLAUSE = re.compile(rf"(?:{'|'.join(_CLAUSE_WORDS)})\b")
_CLOSER_WORDS = ("end", "fi", "done", "esac")
_CLOSER_WORD = re.compile(rf"(?:{'|'.join(_CLOSER_WORDS)})\b")
_LEAVES = re.compile(r"(?:return|raise|throw|break|continue)\b")
_DEFINITION = re.compile(
    r"(?:export\s+|default\s+|public\s+|private\s+|protected\s+|static\s+|async\s+|abstract\s+|pub(?:\([^)]*\))?\s+)*"
    r"(?:def|class|func|fn|function|fun|interface|struct|enum|trait|impl|module|type|member)\s+\w|@\w"
)
_CONTINUES = re.compile(r"(?:[=+&|.]|\b(?:and|or|not|in|is|await|new|import|from|as))$")


class Mark(NamedTuple):
    """A bracket, or the quote that closes a string. offset: in the text; char: the character."""

    offset: int
    char: str


def opens_block(line: str, language_id: str) -> bool:
    """Tell whether what follows `line` belongs inside of it."""
    code = strip_comment(line, language_id).rstrip()
    if _BRACKET_AT_END.search(code):
        return language_id not in _PROSE
    if language_id in _COLON_BLOCKS:
        return code.endswith(":")
    if language_id in _EQUALS_BLOCKS:
        return code.endswith(("=", "->", "of", "then", "else", "do"))
    if language_id in _END_BLOCKS:
        return bool(_END_OPENER.search(code)) and not re.search(r"\b(?:end|fi|done)\s*$", code)
    return False


def is_comment(line: str, language_id: str) -> bool:
    """Tell whether `line` is nothing but a comment."""
    return bool(line.strip()) and not strip_comment(line, language_id).strip()


def is_guard(line: str, language_id: str) -> bool:
    """Tell whether `line` does what it says only on a condition that stands at its end."""
    return language_id in _POSTFIX_CONDITIONS and bool(_GUARD.search(line))


def is_prose(language_id: str) -> bool:
    """Tell whether lines of this language are no statements: text, or data without blocks of code."""
    return language_id in _LINES_ARE_WHOLE


def ends_by_colon(language_id: str) -> bool:
    """Tell whether headers of this language end with a colon, so that no bracket has to stand around a condition."""
    return language_id in _COLON_BLOCKS - _LINES_ARE_WHOLE


def is_arm(line: str, language_id: str) -> bool:
    """Tell whether `line` is one of several cases that begin with a bar."""
    return language_id in _EQUALS_BLOCKS and line.lstrip().startswith("|")


def may_chain(line: str, language_id: str) -> bool:
    """Tell whether a line below `line` may go on with it by a dot in front."""
    return language_id in _CHAINING and not line.rstrip().endswith((";", ",", "{", "(", "[", ":"))


def is_link(line: str) -> bool:
    """Tell whether `line` goes on with the expression above it."""
    return bool(_LINK.match(line.lstrip()))


def ends_by_indent(language_id: str) -> bool:
    """Tell whether blocks of this language end where the indentation does, with nothing to close them."""
    return language_id in _COLON_BLOCKS or language_id in _EQUALS_BLOCKS


def may_open_below(line: str, language_id: str) -> bool:
    """Tell whether the brace of a block that `line` heads may stand on the next line."""
    return language_id in _SEMICOLON_LANGUAGES and strip_comment(line, language_id).rstrip().endswith(")")


def wants_more(line: str, language_id: str) -> bool:
    """Tell whether `line` cannot be complete: it ends in an operator or a word that something must follow."""
    if language_id in _LINES_ARE_WHOLE or opens_block(line, language_id):
        return False
    code = strip_comment(line, language_id).rstrip()
    return bool(_CONTINUES.search(code)) and not code.endswith("++")


def closer_of_line(line: str) -> str | None:
    """Return the bracket or the word with which `line` closes a block; None where it closes none."""
    stripped = line.strip()
    if stripped[:1] in _OPENER_OF:
        return stripped[0]
    if stripped.startswith("</"):
        return "</"
    word = _CLOSER_WORD.match(stripped)
    return word.group() if word else None


def is_clause(line: str) -> bool:
    """Tell whether `line` goes on with a statement whose block ended: else, except, catch and their like."""
    return bool(_CLAUSE.match(line.strip()))


def leaves_block(line: str) -> bool:
    """Tell whether nothing behind `line` in its block can be reached."""
    return bool(_LEAVES.match(line.strip()))


def may_become_word(start: str) -> bool:
    """Tell whether `start`, the beginning of a line still being written, may become a clause or a closing word."""
    stripped = start.strip()
    return any(word.startswith(stripped) for word in (*_CLAUSE_WORDS, *_CLOSER_WORDS, "</"))


def is_definition(line: str) -> bool:
    """Tell whether `line` begins a function, a class or the like, or decorates one."""
    return bool(_DEFINITION.match(line.strip()))


def strip_comment(line: str, language_id: str) -> str:
    """Return `line` without a comment at its end."""
    for match in _lexer(language_id).finditer(line):
        if match.lastgroup == "comment":
            return line[: match.start()]
    return line


def marks(text: str, language_id: str) -> Iterator[Mark]:
    """Yield the brackets of `text` that are code, and the quotes that close a string. Strings end with their line."""
    for match in _lexer(language_id).finditer(text):
        if match.lastgroup == "bracket":
            yield Mark(match.start(), match.group())
        elif match.lastgroup == "string":
            quote = match.group()[0]
            if len(match.group()) > 1 and match.group().endswith(quote) and not _is_escaped(match.group()):
                yield Mark(match.end() - 1, quote)


def _is_escaped(string: str) -> bool:
    body = string[1:-1]
    return (len(body) - len(body.rstrip("\\"))) % 2 == 1


def open_string(text: str, language_id: str) -> str | None:
    """Return the quote of the string that `text` ends inside of; None where it ends in code."""
    last = None
    for match in _lexer(language_id).finditer(text):
        last = match
    if last is None or last.lastgroup != "string" or last.end() != len(text):
        return None
    string = last.group()
    is_closed = len(string) > 1 and string.endswith(string[0]) and not _is_escaped(string)
    return None if is_closed else string[0]


def unmatched(text: str, language_id: str, inside: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """Return the closing brackets of `text` that nothing opens, and the opening ones that nothing closes, in order.

    inside: opening brackets that `text` begins inside of.
    """
    closers: list[str] = []
    openers = list(inside)
    for line in text.split("\n"):
        for bracket in _brackets(line, language_id):
            if bracket in CLOSER_OF:
                openers.append(bracket)
            elif openers and openers[-1] == _OPENER_OF[bracket]:
                openers.pop()
            else:
                closers.append(bracket)
    return closers, openers


@lru_cache(maxsize=2048)
def _brackets(line: str, language_id: str) -> str:
    """Return the brackets of `line`. Kept, for the lines around a cursor are looked at again and again."""
    return "".join(mark.char for mark in marks(line, language_id) if mark.char in CLOSER_OF or mark.char in _OPENER_OF)


@cache
def _lexer(language_id: str) -> re.Pattern[str]:
    block_comment = r"/\*(?:(?!\*/)[^\n])*(?:\*/)?"
    comments = [r"//[^\n]*", block_comment]
    if language_id in _HASH_COMMENTS:
        comments = [r"(?<![^\s])#[^\n]*"]
    elif language_id in _DASH_COMMENTS:
        comments = [r"--[^\n]*"]
    elif language_id in _PROSE or language_id in ("html", "css", "json"):
        comments = [block_comment]
    # A quote after a word is an apostrophe, but not after a string's prefix; in languages with lifetimes or quoted
    # symbols, any single one is.
    apart = r"(?:(?<!\w)|(?<=\b[bBfFrRuU])|(?<=\b[bBfFrR][bBfFrR]))"
    quotes = ['"', "`"] if language_id in _NO_SINGLE_QUOTES else ['"', "`", "'"]
    strings = [rf"{apart}{quote}(?:\\.|[^{quote}\\\n])*\\?{quote}?" for quote in quotes if quote == "'"]
    strings += [rf"{quote}(?:\\.|[^{quote}\\\n])*\\?{quote}?" for quote in quotes if quote != "'"]
    pattern = rf"(?P<comment>{'|'.join(comments)})|(?P<string>{'|'.join(strings)})|(?P<bracket>[()\[\]{{}}])"
    return re.compile(pattern)
