"""What must never be indexed nor shown to a model: files named as credentials, texts that hold some. Pure.

Invariant: patterns of the person add to the ones here and take none away. The rule on assigned values is a guess and
errs towards keeping ordinary code: hashes, UUIDs, prose and embedded images are no secrets.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import PurePath

_NAMES = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.p8",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.asc",
    "*.gpg",
    "*.ppk",
    "*.ovpn",
    "*.tfstate",
    "*.tfstate.*",
    "*.tfvars",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "id_*sk",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".my.cnf",
    ".npmrc",
    ".pypirc",
    ".htpasswd",
    ".git-credentials",
    ".dockercfg",
    "credentials",
    "credentials.json",
    "service-account*.json",
    "secrets.*",
    "secret.*",
    "*.secret",
    "*.secrets",
    "kubeconfig",
)
_SECRET_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".kube", ".docker", ".azure", ".password-store"})
# `id_*` without an ending is a key; `id_map.py` is a program, as are `secrets.py` and its like.
_DATA_SUFFIXES = frozenset(
    ["", ".json", ".yaml", ".yml", ".toml", ".txt", ".ini", ".cfg", ".conf", ".xml", ".properties"]
)
_ONLY_DATA = ("id_*", "secrets.*", "secret.*")

# Each begins with its literal, which is looked for first: an alternation of all would cost as much as parsing the file.
_CONTENT = {
    literal: re.compile(re.escape(literal) + rest)
    for literal, rest in {
        "PRIVATE KEY": r"(?: BLOCK)?-----",
        "PuTTY-User-Key-File-": r"[23]:",
        "AKIA": r"[A-Z2-7]{16}\b",  # AWS access key ids
        "ASIA": r"[A-Z2-7]{16}\b",
        "ABIA": r"[A-Z2-7]{16}\b",
        "ACCA": r"[A-Z2-7]{16}\b",
        "ghp_": r"[A-Za-z0-9]{36,}\b",  # GitHub
        "gho_": r"[A-Za-z0-9]{36,}\b",
        "ghu_": r"[A-Za-z0-9]{36,}\b",
        "ghs_": r"[A-Za-z0-9]{36,}\b",
        "ghr_": r"[A-Za-z0-9]{36,}\b",
        "github_pat_": r"\w{50,}\b",
        "glpat-": r"[\w-]{20,}",  # GitLab
        "xox": r"[abeoprs]-(?:\d+-)*[A-Za-z0-9-]{20,}",  # Slack
        "xapp-": r"\d-[A-Z0-9]+-\d+-[a-f0-9]{30,}",
        "hooks.slack.com/services/": r"T\w+/B\w+/\w{20,}",
        "sk-": r"(?:proj-|ant-(?:api|admin)\d\d-|or-v1-)?(?=[\w-]*\d)[A-Za-z0-9_-]{32,}",  # model providers
        "hf_": r"[A-Za-z]{34}\b",
        "gsk_": r"[A-Za-z0-9]{40,}\b",
        "k_live_": r"[A-Za-z0-9]{20,}\b",  # Stripe
        "k_test_": r"[A-Za-z0-9]{20,}\b",
        "AIza": r"[\w-]{35}\b",  # Google
        "ya29.": r"[\w-]{30,}",
        "SG.": r"[\w-]{20,24}\.[\w-]{39,50}\b",  # SendGrid
        "npm_": r"[A-Za-z0-9]{36}\b",  # package registries
        "pypi-AgEI": r"[\w-]{50,}",
        "dop_v1_": r"[a-f0-9]{64}\b",  # DigitalOcean
        "shpat_": r"[a-fA-F0-9]{32}\b",  # Shopify
        "AGE-SECRET-KEY-1": r"[A-Z0-9]{58}\b",
        "eyJ": r"[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{20,}",  # signed tokens
        "AccountKey=": r"[A-Za-z0-9+/]{80,}={0,2}",  # Azure storage
        "://": r"[^\s:/@'\"<>{}$%]{1,64}:(?!x{3,}|\*|my|pass|secret|example|changeme)[^\s:/@'\"<>{}$%]{10,}@[\w.-]+",
    }.items()
}
_MAY_FOLLOW_LETTERS = frozenset({"PRIVATE KEY", "://", "k_live_", "k_test_"})


def _among_words(literal: str) -> str:
    """Return what the words of a text, apart by blanks, must hold for the text to hold `literal` where it counts."""
    word, *rest = re.split(r"\W", literal, maxsplit=1)
    if not word:
        return ""
    return f"{'' if literal in _MAY_FOLLOW_LETTERS else ' '}{word}{' ' if rest else ''}"


_AMONG_WORDS = {literal: _among_words(literal) for literal in _CONTENT}

_KEY_WORDS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "access_key",
    "accesskey",
    "auth_key",
    "authkey",
    "private_key",
    "privatekey",
    "credential",
)
_VALUE = re.compile(
    r"""[\w-]*["']?\s*(?:=>|:=|[:=])\s*(?:["'`](?P<quoted>[A-Za-z0-9+/=_.~!@\#$%^&*-]{16,200})["'`]"""
    r"""|(?P<bare>[A-Za-z0-9+/=_~-]{20,200})(?=[ \t]*$))""",
    re.MULTILINE,
)
"""What stands behind one of the key words where a value is assigned to it."""

_BLOCK_CHARS = 1_000
_OVERLAP_CHARS = 400
"""Blocks share so much, so that a name at the end of one and its value at the start of the next are seen together."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HASH_LENGTHS = frozenset({32, 40, 56, 64, 96, 128})
_MIN_BITS = 3.6
"""Bits a character. Words and identifiers of 20 to 40 characters have 3 to 3.9, random base64 of that length 4 to 5."""


@lru_cache(maxsize=256)
def is_secret_name(path: str) -> bool:
    """Tell whether a file of this name is taken for credentials, wherever it lies and whether git tracks it or not."""
    pure = PurePath(path.lower())
    name = pure.name
    if not _SECRET_FOLDERS.isdisjoint(pure.parts[:-1]):
        return True
    if any(fnmatchcase(name, pattern) for pattern in _ONLY_DATA) and pure.suffix in _DATA_SUFFIXES:
        return True
    return any(fnmatchcase(name, pattern) for pattern in _NAMES if pattern not in _ONLY_DATA)


def has_secret(text: str, words: Iterable[str] | None = None) -> bool:
    """Tell whether `text` holds a private key, a token of a known form, or a random value named as a secret.

    words: the `terms.words_of` it where they are known: a quarter as long as the text, they are looked through first.
    """
    return next(find_secrets(text, words), None) is not None


def find_secrets(text: str, words: Iterable[str] | None = None) -> Iterator[tuple[int, int]]:
    """Give start and end of each secret that `has_secret` speaks of, in code points; a place may come twice."""
    said = None if words is None else f" {' '.join(words)} "
    for literal, pattern in _CONTENT.items():
        if said is not None and _AMONG_WORDS[literal] not in said:
            continue
        if literal in text:
            for match in pattern.finditer(text):
                if _stands_alone(text, match.start(), literal):
                    yield match.span()
    for start, end in _assigned(text, said):
        if _is_random(text[start:end]):
            yield start, end


def has_secret_still(text: str) -> bool:
    """As `has_secret`, for a text that is asked about at each key: what of it has not changed is not searched again.

    A value that stands further than _OVERLAP_CHARS from its name is not found; what `has_secret` finds otherwise, is.
    """
    return any(map(_block_has_secret, _blocks(text)))


def _blocks(text: str) -> Iterator[str]:
    """Give `text` in whole lines, so cut that appending to it changes the last block alone."""
    begin = end = 0
    while (end := text.find("\n", end + _BLOCK_CHARS) + 1) > 0:
        following = text.rfind("\n", begin, end - _OVERLAP_CHARS) + 1
        if following > begin:  # else the lines are too long to share one
            yield text[begin:end]
            begin = following
    yield text[begin:]


_block_has_secret = lru_cache(maxsize=64)(has_secret)


def _stands_alone(text: str, start: int, literal: str) -> bool:
    before = text[start - 1 : start]
    return literal in _MAY_FOLLOW_LETTERS or not (before.isalnum() or before == "_")


def _assigned(text: str, said: str | None) -> Iterator[tuple[int, int]]:
    """Give where values are assigned to what is called a secret. said: the text's words, apart by blanks."""
    said = None if said is None else said.lower()
    named = [word for word in _KEY_WORDS if said is None or word.partition("-")[0] in said]
    lower = text.lower()
    if len(lower) != len(text):  # a letter that has two in small: places would not agree
        lower = text
    for word in named:
        start = lower.find(word)
        while start >= 0:
            match = _VALUE.match(text, start + len(word))
            if match is not None:
                yield match.span("quoted" if match["quoted"] else "bare")
            start = lower.find(word, start + len(word))


def _is_random(value: str) -> bool:
    """Tell whether `value` looks drawn by chance: letters and digits mixed, no words, as even as random text is."""
    if _UUID.fullmatch(value) or not any(map(str.isdigit, value)) or not any(map(str.isalpha, value)):
        return False
    if len(value) in _HASH_LENGTHS and all(character in "0123456789abcdefABCDEF" for character in value):
        return False
    if max(map(len, re.findall(r"[a-z]+|[A-Z]+", value)), default=0) >= 8:
        return False  # a word
    if sum(map(str.isdigit, value)) < 2 or re.search(r"(.)\1{3}|0123|1234|abcd", value, re.IGNORECASE):
        return False  # made up
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return bits >= _MIN_BITS
