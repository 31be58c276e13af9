"""How a file documents its code: which form, how it is set, how wide its lines are. Pure.

Invariant: a style is read off what stands in the file; only where nothing does is it the language's usual one.
"""

import re
from collections.abc import Iterable

import msgspec

_PYTHON_DOC = re.compile(r"^[ \t]*[rRuU]?(?P<quotes>\"\"\"|''')(?P<words>.*?)(?P=quotes)", re.MULTILINE | re.DOTALL)
_BLOCK_DOC = re.compile(r"^[ \t]*/\*\*(?P<words>.*?)\*/", re.MULTILINE | re.DOTALL)
_LINES_DOC = {
    "go": re.compile(r"(?P<words>(?:^//(?: .*)?\n)+)(?=func|type)", re.MULTILINE),
    "rust": re.compile(r"(?P<words>(?:^[ \t]*///.*\n)+)", re.MULTILINE),
    "csharp": re.compile(r"(?P<words>(?:^[ \t]*///.*\n)+)", re.MULTILINE),
}
_OTHER_FORMS = {"go": "go", "rust": "rust", "csharp": "csharp", "java": "javadoc"}

_SIGNS = {
    "google": re.compile(r"^\s*(?:Args|Arguments|Returns|Raises|Yields|Attributes):\s*$", re.MULTILINE),
    "numpy": re.compile(r"^\s*(?:Parameters|Returns|Raises|Yields|Attributes)\s*\n\s*-{3,}\s*$", re.MULTILINE),
    "rest": re.compile(r"^\s*:(?:param|arg|type|returns?|rtype|raises?)\b", re.MULTILINE),
}
_TYPED = {
    "google": re.compile(r"^\s+\*{0,2}\w+ \([^)]+\):", re.MULTILINE),
    "jsdoc": re.compile(r"@(?:param|returns?)\s+\{"),
}
_THIRD_PERSON = re.compile(r"[\s/*]*[A-Z][a-z]+(?<!s)s\b")
_WIDTHS = (79, 88, 100, 120)


class Style(msgspec.Struct, frozen=True):
    """How documentation is written.

    form: google, numpy, rest, plain, jsdoc, javadoc, go, rust, csharp. width: of the longest line. quotes: Python's.
    starts_below: the first words stand on the line below the opening quotes. is_typed: types stand in the text.
    begins_with_s: the first verb is in the third person (Returns). returns: JSDoc's tag. has_dash: JSDoc's parameters
    have one behind their names.
    """

    form: str
    width: int = 88
    quotes: str = '"""'
    starts_below: bool = False
    is_typed: bool = False
    begins_with_s: bool = False
    returns: str = "@returns"
    has_dash: bool = True


def detect(text: str, language_id: str) -> Style:
    r"""Return the style of `text`, lines ending in `\n`."""
    pattern = _PYTHON_DOC if language_id == "python" else _LINES_DOC.get(language_id, _BLOCK_DOC)
    matches = [match for match in pattern.finditer(text) if match["words"].strip()]
    found = [match.group() for match in matches]
    all_words = "\n".join(found)
    form = _python_form(all_words) if language_id == "python" else _OTHER_FORMS.get(language_id, "jsdoc")
    typed = _TYPED.get(form)
    return Style(
        form,
        width_of(text.split("\n")),
        "'''" if all_words.count("'''") > all_words.count('"""') else '"""',
        2 * sum(_is_below(each) for each in found if "\n" in each) > sum("\n" in each for each in found),
        bool(typed and typed.search(all_words)),
        2 * sum(bool(_THIRD_PERSON.match(match["words"])) for match in matches) > len(matches),
        "@return" if re.search(r"@return\b", all_words) and "@returns" not in all_words else "@returns",
        not re.search(r"@param\s+(?:\{[^}]*\}\s+)?[^\s{]\S*\s+[^-\s]", all_words),
    )


def width_of(lines: Iterable[str]) -> int:
    """Return the usual limit that nearly all of `lines` keep."""
    lengths = [len(line) for line in lines if line.strip()]
    for width in _WIDTHS:
        if 100 * sum(length > width for length in lengths) <= len(lengths):
            return width
    return _WIDTHS[-1]


def _python_form(words: str) -> str:
    if not words:
        return "google"
    counts = {form: len(sign.findall(words)) for form, sign in _SIGNS.items()}
    form = max(counts, key=lambda each: counts[each])
    return form if counts[form] else "plain"


def _is_below(doc: str) -> bool:
    """Tell whether nothing stands behind the opening quotes."""
    return not doc.split("\n", 1)[0].strip().lstrip("rRuU").strip("\"'")
