"""What of a model's answer is shown: only what speaks of names and code that were shown to it. Pure.

Invariants: a unit that names what does not stand in the sources, gives line numbers, or would be more than plain words
where it is shown (links, images, HTML) is dropped as a whole; nothing is said twice.
"""

import re
from collections.abc import Iterable
from functools import cached_property

from lsp_server.explain.units import Kind, Unit

_SPAN = re.compile(r"(`+)(.+?)\1")
_NAME = re.compile(r"[^\W\d]\w*")
_PROSE_NAME = re.compile(
    r"(?<![\w.])(?:[^\W\d]\w*(?:(?:\.|::|->)[^\W\d]\w*)+|\w*[^\W_]_\w+|_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z\d]+[A-Z]\w*|[^\W\d]\w*(?=\(\)))"
)
_SIMPLE_CODE = re.compile(r"[\w\s.,:()\[\]*&|<>\"'?!@$-]*")
_LINK = re.compile(
    r"\]\s*[(\[:]|!\[|\bwww\.|\b[a-z][a-z\d+.-]*:(?://|[^\s\w]*\w+[?@(])|\bcommand:|\bdata:", re.IGNORECASE
)
_LINE_NUMBER = re.compile(r"\b(?:on |at )?lines?\s+\d", re.IGNORECASE)
WORDS_OF_LANGUAGES = frozenset(
    re.findall(
        r"\w+",
        "abstract and any array as assert async await base bool boolean break byte bytes case catch "
        "char class const continue def default del dict do double elif else enum error except exception "
        "export extends false final finally float fn for from func function global go goto if impl "
        "implements import in int integer interface is iter key lambda len let list long map match mod "
        "module mut namespace new nil none not null number object or package pass private protected pub "
        "public raise range return returns self set short static str string struct super switch this "
        "throw throws trait true try tuple type typeof undefined union unsigned use using value var "
        "void where while with yield",
    )
)
_NOT_CODE = frozenset(
    {"javascript", "typescript", "github", "gitlab", "sqlite", "postgresql", "mysql", "macos", "e.g", "i.e", "node.js"}
)
_SAME_WORDS = 6
"""Two units that begin with so many same words say the same."""


class Sources:
    """The texts that a model was shown."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._text = "\n".join(texts)

    def has_name(self, name: str) -> bool:
        """Tell whether `name`, which may be dotted, or each of its parts stands there as a word."""
        return all(part in self._names or part.lower() in WORDS_OF_LANGUAGES for part in _NAME.findall(name))

    def has_code(self, code: str) -> bool:
        """Tell whether `code` stands there, however it is spaced, or is made of nothing but names that do."""
        compact = _compact(code)
        if compact and compact in self._compact:
            return bool(re.search(rf"(?<!\w){re.escape(compact)}", self._compact)) or not compact[0].isalnum()
        has_numbers = re.search(r"\d", re.sub(_NAME, "", code)) is not None
        is_simple = _SIMPLE_CODE.fullmatch(code) is not None and not has_numbers
        return is_simple and self.has_name(code)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(_NAME.findall(self._text))

    @cached_property
    def _compact(self) -> str:
        return _compact(self._text)


def _compact(code: str) -> str:
    """Return `code` without the blanks that mean nothing, and with one kind of quotes."""
    return re.sub(r"\s+(?=\W)|(?<=\W)\s+", "", re.sub(r"\s+", " ", code.strip())).replace("'", '"')


def unknown_names(words: str, sources: Sources) -> list[str]:
    """Return what `words` speak of as code and the sources do not have, as it is written there."""
    unknown = [span[2].strip() for span in _SPAN.finditer(words) if not sources.has_code(span[2])]
    prose = _SPAN.sub(" ", words)
    named = (match[0] for match in _PROSE_NAME.finditer(prose))
    return unknown + [name for name in named if name.lower() not in _NOT_CODE and not sources.has_name(name)]


def names_code(words: str, sources: Sources) -> bool:
    """Tell whether `words` name something of the sources that is more than a word of the language."""
    said = " ".join([*(span[2] for span in _SPAN.finditer(words)), *_PROSE_NAME.findall(_SPAN.sub(" ", words))])
    names = [name for name in _NAME.findall(said) if name.lower() not in WORDS_OF_LANGUAGES]
    return any(map(sources.has_name, names))


def is_plain(words: str) -> bool:
    """Tell whether `words` are no more than words and code where Markdown is shown, and name no lines by number."""
    prose = _SPAN.sub(" ", words)
    return not (_LINK.search(prose) or _LINE_NUMBER.search(prose) or prose.count("`"))


def escaped(words: str) -> str:
    """Return `words` so that nothing outside of code spans is taken for HTML."""
    pieces: list[str] = []
    end = 0
    for span in _SPAN.finditer(words):
        pieces += [words[end : span.start()].replace("<", "\\<"), span[0]]
        end = span.end()
    return "".join([*pieces, words[end:].replace("<", "\\<")])


class Repetitions:
    """What was said, so that nothing is said twice. n: how often that was tried, one after the other."""

    def __init__(self) -> None:
        self._said: set[tuple[str, ...]] = set()
        self.n = 0

    def note(self, unit: Unit) -> bool:
        """Take `unit` in; tell whether it says something again."""
        if unit.kind is Kind.CODE:
            key: tuple[str, ...] = (unit.text,)
        else:
            key = tuple(re.findall(r"\w+", unit.text.lower())[:_SAME_WORDS])
        is_again = key in self._said
        self._said.add(key)
        self.n = self.n + 1 if is_again else 0
        return is_again
