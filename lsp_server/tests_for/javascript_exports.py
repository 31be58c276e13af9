"""How a test reaches what a JavaScript or TypeScript file defines: by which name, and by which path. Pure."""

import re
from pathlib import PurePosixPath

_DECLARED = r"(?:async\s+)?(?:function\s*\*?|(?:abstract\s+)?class)"
_ENDING = re.compile(r"""(?:from|require\()\s*["']\.[^"'\n]*?(\.[mc]?[jt]sx?)?["']""")


def exported_as(text: str, name: str) -> str | None:
    """Return what the file's `name` is called outside, `default` among that; None where it cannot be reached."""
    own = re.escape(name)
    if re.search(rf"^export\s+(?:{_DECLARED}|const|let|var|enum)\s+{own}\b", text, re.MULTILINE):
        return name
    if re.search(rf"^export\s+default\s+(?:{_DECLARED}\s+)?{own}\b", text, re.MULTILINE):
        return "default"
    if re.search(rf"\bmodule\.exports\s*=\s*(?:{_DECLARED}\s+)?{own}\b", text):
        return "default"
    for braces in re.findall(
        r"^export\s*\{([^}]*)\}(?!\s*from)|\bmodule\.exports\s*=\s*\{([^}]*)\}", text, re.MULTILINE
    ):
        listed = _listed(braces[0] or braces[1], own)
        if listed is not None:
            return listed
    assigned = re.search(rf"\bexports\.(\w+)\s*=\s*(?:{_DECLARED}\s+)?{own}\b|\bexports\.({own})\s*=", text)
    return assigned[1] or assigned[2] if assigned is not None else None


def specifier(test_path: str, path: str, examples: str, *, with_ending: bool) -> str:
    """Return how the file at `test_path` names the one at `path`. examples: texts that show whether endings are said.

    with_ending: they must be, whatever the examples do.
    """
    here, there = PurePosixPath(test_path).parent.parts, PurePosixPath(path).parts
    n = next(
        (n for n, (mine, its) in enumerate(zip(here, there, strict=False)) if mine != its), min(len(here), len(there))
    )
    up = "../" * (len(here) - n)
    joined = (up or "./") + "/".join(there[n:])
    said = _ENDING.search(examples)
    if with_ending:
        return joined
    plain = joined.removesuffix(PurePosixPath(path).suffix)
    return plain + said[1] if said is not None and said[1] else plain


def _listed(words: str, own: str) -> str | None:
    for word in re.split(r",", words):
        found = re.fullmatch(rf"\s*(?:{own}(?:\s+as\s+(\w+))?|(\w+)\s*:\s*{own})\s*", word)
        if found is not None:
            return found[1] or found[2] or re.sub(r"\\(.)", r"\1", own)
    return None
