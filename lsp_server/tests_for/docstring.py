"""Whether a claim that fails is what the documentation says. Pure.

Invariant: an example of the documentation counts, call for call and value for value; so does a sentence about a plain
case (see `docstring_statements`). All other words are left to people.
"""

import re
from collections.abc import Iterator

from lsp_server.tests_for.docstring_statements import said_of

_PROMPT = re.compile(r"^\s*>>> (.+)$")
_SAID = re.compile(r"\s*(?:==|=>|->|→|returns|gives|is)\s*(.+?)\s*(?:[.;]\s*)?(?:#.*)?$")
_CLAIMED = re.compile(r"\s*(?:==|is\b|,|\)\s*\.\s*to(?:Strict)?(?:Be|Equal)\()\s*(.+)$", re.DOTALL)
_TABLE = re.compile(r"^[ \t]*Input:[ \t]*(.+)\n(?:[ \t]*\n)?[ \t]*Output:[ \t]*(.+)$", re.MULTILINE)
_NAMED = re.compile(r"(?:^|(?<=,))\s*[A-Za-z_]\w*\s*=\s*(?!=)")
_RAISED = re.compile(r"(?:pytest\.raises|assertRaises(?:Regex)?)\(\s*(\w+)")
_WORDS = {"true": "True", "false": "False", "null": "None"}
_SAYING = r"(?:==|is|,|\(){}(?:\)|\Z|,|assert|self)"
_OPENING, _CLOSING = "([{", ")]}"


def is_documented(claim: str, name: str, docstring: str | None) -> bool:
    """Tell whether `claim`, about a call of `name`, is an example in `docstring`, or what a sentence of it says."""
    text = docstring or ""
    examples = dict(_examples(text, name))
    if any(examples.get(call) == value for call, value in _claimed(claim, name)):
        return True
    raised = _RAISED.search(claim)
    if raised is not None:
        return any((True, raised[1]) in said_of(text, _arguments(call, name)) for call, _ in _calls(claim, name))
    return any((False, value) in said_of(text, _arguments(call, name)) for call, value in _claimed(claim, name))


def is_contradicted(text: str, name: str, docstring: str | None) -> bool:
    """Tell whether `text`, a claim or a whole test, says of a call of `name` something else than `docstring` does."""
    for call, value in _claimed(text, name):
        said = said_of(docstring or "", _arguments(call, name))
        if said and (False, value) not in said:
            return True
    examples = dict(_examples(docstring or "", name))
    documented = {call: examples[call] for call, _ in _calls(text, name) if call in examples}
    words = _plain(text)
    for call in documented:
        words = words.replace(call, "_")
    return any(not re.search(_SAYING.format(re.escape(value)), words) for value in documented.values())


def _examples(docstring: str, name: str) -> Iterator[tuple[str, str]]:
    """Give calls of `name` with what they are said to give, blanks left out."""
    lines = docstring.split("\n")
    for number, line in enumerate(lines):
        prompted = _PROMPT.match(line)
        for call, rest in _calls(prompted[1] if prompted else line, name):
            said = _SAID.match(rest)
            if prompted and not rest.strip():
                yield call, _plain(lines[number + 1] if number + 1 < len(lines) else "")
            elif said is not None:
                yield call, _plain(said[1].strip("`"))
    for match in _TABLE.finditer(docstring):
        yield from _tabled(match[1], match[2], name)


def _tabled(given: str, output: str, name: str) -> Iterator[tuple[str, str]]:
    """Give the call that an example describes as `Input: a = 1, b = [2]` and `Output: 3`."""
    values = _NAMED.split(given.strip())
    if len(values) > 1 and not values[0].strip():
        arguments = ",".join(value.strip().removesuffix(",") for value in values[1:])
        yield _plain(f"{name}({arguments})"), _plain(output.strip())


def _arguments(call: str, name: str) -> str:
    return call.removeprefix(f"{name}(").removesuffix(")")


def _claimed(claim: str, name: str) -> Iterator[tuple[str, str]]:
    for call, rest in _calls(claim, name):
        said = _CLAIMED.match(rest)
        if said is not None:
            yield call, _plain(_closed(said[1]))


def _calls(text: str, name: str) -> Iterator[tuple[str, str]]:
    """Give each call of `name` in `text` with what stands behind it."""
    for match in re.finditer(rf"\b{re.escape(name)}\(", text):
        end = _end(text, match.end() - 1)
        if end is not None:
            yield _plain(text[match.start() : end]), text[end:].lstrip("`")


def _end(text: str, start: int) -> int | None:
    """Return where the bracket that opens at `start` is closed, behind it; strings are passed over."""
    depth, quote = 0, ""
    for place in range(start, len(text)):
        letter = text[place]
        if quote:
            quote = "" if letter == quote and text[place - 1] != "\\" else quote
        elif letter in "\"'":
            quote = letter
        elif letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
            if depth == 0:
                return place + 1
    return None


def _closed(text: str) -> str:
    """Return `text` without the brackets at its end that nothing in it opens."""
    text = text.strip().rstrip(";").strip()
    while text.endswith(")") and text.count(")") > text.count("("):
        text = text[:-1].strip()
    return text


def _plain(text: str) -> str:
    text = re.sub(r"\b(?:true|false|null)\b", lambda found: _WORDS[found[0]], text)
    return re.sub(r"\s+", "", text).replace('"', "'")
