"""Documentation as text: what is said of a function, set in the style of its file. Pure.

Invariants: whatever was said, the text is one docstring or one comment and nothing else; no line is longer than the
file's are, but for a word that is; what it takes the place of is documentation, or nothing.
"""

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from html import escape

import msgspec

from lsp_server.fixes.doc_styles import Style
from lsp_server.fixes.documented import Documented
from lsp_server.fixes.proposal import Replacement
from lsp_server.fixes.wording import Words

_MIN_WIDTH = 40
_HANGING = "    "
_NO_VERBS = frozenset(
    {"always", "this", "is", "has", "was", "its", "as", "yes", "thus", "us", "class", "items", "values"}
)


def written(documented: Documented, style: Style, words: Words) -> Replacement:
    """Return the edit that documents `documented`."""
    width = max(_MIN_WIDTH, style.width - len(documented.indentation.expandtabs(4)))
    if documented.is_function and not style.begins_with_s:
        words = msgspec.structs.replace(words, summary=_in_the_imperative(words.summary))
    lines = _FORMS[style.form](documented, style, words, width)
    text = f"\n{documented.indentation}".join(lines)
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    place = documented.place
    if place[:2] == place[2:]:  # nothing stands there: what does stand there follows
        gap = "\n" if not documented.is_above and not documented.is_function else ""
        text += f"{gap}\n{documented.indentation}"
    return Replacement(place, text)


def _google(documented: Documented, style: Style, words: Words, width: int) -> list[str]:
    def named(said: Mapping[str, str], types: Mapping[str, str]) -> Iterator[str]:
        for name, what in said.items():
            kind = f" ({types[name]})" if style.is_typed and types.get(name) else ""
            yield from _wrapped(f"{name}{kind}: {what}", width, _HANGING, 2 * _HANGING)

    sections = {
        "Args:": list(named(words.parameters, _types(documented))),
        _result_title(documented) + ":": _wrapped(_typed_result(documented, style, words), width, _HANGING, _HANGING),
        "Raises:": list(named(words.errors, {})),
    }
    blocks = [[title, *lines] for title, lines in sections.items() if lines]
    return _docstring(words, blocks, style, width)


def _numpy(documented: Documented, style: Style, words: Words, width: int) -> list[str]:
    def named(said: Mapping[str, str], types: Mapping[str, str]) -> list[str]:
        lines: list[str] = []
        for name, what in said.items():
            lines += [f"{name} : {types[name]}" if types.get(name) else name]
            lines += _wrapped(what, width, _HANGING, _HANGING)
        return lines

    sections = {
        "Parameters": named(words.parameters, _types(documented)),
        _result_title(documented): _numpy_result(documented, words, width),
        "Raises": named(words.errors, {}),
    }
    blocks = [[title, "-" * len(title), *lines] for title, lines in sections.items() if lines]
    return _docstring(words, blocks, style, width)


def _typed_result(documented: Documented, style: Style, words: Words) -> str:
    has_type = style.is_typed and words.returns and documented.result_type
    return f"{documented.result_type}: {words.returns}" if has_type else words.returns


def _numpy_result(documented: Documented, words: Words, width: int) -> list[str]:
    if not words.returns or not documented.result_type:
        return _wrapped(words.returns, width, "", "")
    return [documented.result_type, *_wrapped(words.returns, width, _HANGING, _HANGING)]


def _rest(_documented: Documented, style: Style, words: Words, width: int) -> list[str]:
    fields = [(f":param {name.lstrip('*')}:", what) for name, what in words.parameters.items()]
    fields += [(":returns:", words.returns)] if words.returns else []
    fields += [(f":raises {name}:", what) for name, what in words.errors.items()]
    block = [line for title, what in fields for line in _wrapped(f"{title} {what}", width, "", _HANGING)]
    return _docstring(words, [block] if block else [], style, width)


def _plain(_documented: Documented, style: Style, words: Words, width: int) -> list[str]:
    return _docstring(words, [], style, width)


def _docstring(words: Words, blocks: list[list[str]], style: Style, width: int) -> list[str]:
    """Return a Python docstring of the summary, the details and `blocks`, apart by blank lines."""
    if words.details:
        blocks = [_wrapped(words.details, width, "", ""), *blocks]
    is_raw = any("\\" in line for line in (words.summary, *(line for block in blocks for line in block)))
    opening = f"{'r' if is_raw else ''}{style.quotes}"
    one_line = f"{opening}{words.summary}{style.quotes}"
    if not blocks and len(one_line) <= width:
        return [one_line]
    summary = _wrapped(words.summary, width - (0 if style.starts_below else len(opening)), "", "")
    head = [opening, *summary] if style.starts_below else [opening + summary[0], *summary[1:]]
    return [*head, *(line for block in blocks for line in ("", *block)), style.quotes]


def _jsdoc(documented: Documented, style: Style, words: Words, width: int) -> list[str]:
    types, dash = _types(documented), "- " if style.has_dash else ""

    def kind(name: str) -> str:
        return f"{{{types[name]}}} " if style.is_typed and types[name] else ""

    tags = [f"@param {kind(name)}{name} {dash}{what}" for name, what in words.parameters.items()]
    if words.returns:
        result = f"{{{documented.result_type}}} " if style.is_typed and documented.result_type else ""
        tags.append(f"{style.returns} {result}{words.returns}")
    tags += [f"@throws {{{name}}} {what}" for name, what in words.errors.items()]
    return _block(words, tags, width)


def _javadoc(_documented: Documented, _style: Style, words: Words, width: int) -> list[str]:
    tags = [f"@param {name} {what}" for name, what in words.parameters.items()]
    tags += [f"@return {words.returns}"] if words.returns else []
    tags += [f"@throws {name} {what}" for name, what in words.errors.items()]
    return _block(words, tags, width)


def _block(words: Words, tags: list[str], width: int) -> list[str]:
    """Return a comment between `/**` and `*/`."""
    if not tags and not words.details and len(words.summary) + len("/**  */") <= width:
        return [f"/** {words.summary} */"]
    lines = _wrapped(words.summary, width - len(" * "), "", "")
    if words.details:
        lines += ["", *_wrapped(words.details, width - len(" * "), "", "")]
    if tags:
        lines += ["", *(line for tag in tags for line in _wrapped(tag, width - len(" * "), "", "  "))]
    return ["/**", *(f" * {line}" for line in lines), " */"]


def _go(documented: Documented, _style: Style, words: Words, width: int) -> list[str]:
    name, summary = documented.name, words.summary
    if not re.match(rf"{re.escape(name)}\b", summary):  # what every Go comment begins with
        first, _, rest = summary.partition(" ")
        summary = f"{name} {_third_person(first)}{' ' if rest else ''}{rest}"
    return _lines("// ", summary, words.details, width)


def _rust(_documented: Documented, _style: Style, words: Words, width: int) -> list[str]:
    return _lines("/// ", words.summary, words.details, width)


def _lines(mark: str, summary: str, details: str, width: int) -> list[str]:
    lines = _wrapped(summary, width - len(mark), "", "")
    if details:
        lines += ["", *_wrapped(details, width - len(mark), "", "")]
    return [f"{mark}{line}" for line in lines]


def _csharp(_documented: Documented, _style: Style, words: Words, width: int) -> list[str]:
    said = " ".join(filter(None, (words.summary, words.details)))
    lines = ["<summary>", *_wrapped(escape(said, quote=False), width - len("/// "), "", ""), "</summary>"]
    elements = [(f'param name="{name}"', "param", what) for name, what in words.parameters.items()]
    elements += [("returns", "returns", words.returns)] if words.returns else []
    elements += [(f'exception cref="{name}"', "exception", what) for name, what in words.errors.items()]
    for opening, name, what in elements:
        element = f"<{opening}>{escape(what, quote=False)}</{name}>"
        lines += _wrapped(element, width - len("/// "), "", "")
    return [f"/// {line}" for line in lines]


_FORMS: Mapping[str, Callable[[Documented, Style, Words, int], list[str]]] = {
    "google": _google,
    "numpy": _numpy,
    "rest": _rest,
    "plain": _plain,
    "jsdoc": _jsdoc,
    "javadoc": _javadoc,
    "go": _go,
    "rust": _rust,
    "csharp": _csharp,
}


def _in_the_imperative(summary: str) -> str:
    """Return `summary`, begun with the plain verb where small models write Returns, or This function returns."""
    summary = re.sub(r"^(?:A|This) (?:function|method) to (\w)", lambda match: match[1].upper(), summary)
    match = re.match(
        r"(?:(?:This|The) (?:function|method) |A (?:function|method) (?:that|which) )?([A-Za-z][a-z]+)s (?=\S)", summary
    )
    if match is None or f"{match[1]}s".lower() in _NO_VERBS or match[1].endswith("s"):
        return summary
    verb = match[1]
    for ending, plain in (
        ("sse", "ss"),
        ("she", "sh"),
        ("che", "ch"),
        ("xe", "x"),
        ("zze", "zz"),
        ("oe", "o"),
        ("ie", "y"),
    ):
        if verb.endswith(ending):
            verb = verb.removesuffix(ending) + plain
            break
    return f"{verb[:1].upper()}{verb[1:]} {summary[match.end() :]}"


def _third_person(verb: str) -> str:
    """Return the imperative `verb` as Go's comments have it; another word as it is, begun small."""
    small = verb[:1].lower() + verb[1:] if not verb.isupper() else verb
    if not re.fullmatch(r"[a-z]+", small) or small.endswith("s"):
        return small
    if re.search(r"(?:ch|sh|x|z|o)$", small):
        return f"{small}es"
    return f"{small[:-1]}ies" if re.search(r"[^aeiou]y$", small) else f"{small}s"


def _result_title(documented: Documented) -> str:
    return "Yields" if documented.yields else "Returns"


def _types(documented: Documented) -> dict[str, str]:
    return dict(zip(documented.parameters, documented.types, strict=True))


def _wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
