"""How a weakness of each family is mended as a rule, in words that a small model can follow. Pure data.

Invariant: there is no code to copy in them: small models write an example again instead of the program they were shown.
"""

import re

from lsp_server.review.rulebook import RULES_OF


def remedy_for(rule: str, language_id: str, text: str) -> str:
    """Return what is done about `rule` in this language, a sentence or two; "" where nothing is known of it.

    text: of the file, which tells how its database writes the places of values.
    """
    mark = next((mark for pattern, mark in _MARKS if pattern.search(text)), "?")
    return _REMEDIES.get((rule, RULES_OF.get(language_id, "")), "").replace("{mark}", f"`{mark}`")


def usual_remedy(message: str) -> str:
    """Return what is done about a problem that another tool tells in `message`; "" where its words say enough."""
    return _UNUSED_REMEDY if _UNUSED.search(message) else ""


_UNUSED = re.compile(r"\b(?:unused|never (?:used|read)|not used)\b", re.IGNORECASE)
_UNUSED_REMEDY = (
    "Nothing uses it: delete its line, or its name where the line has others. Where computing its value does something "
    "besides, keep that call alone."
)

_MARKS = (
    (re.compile(r"\b(?:import|from)\s+(?:psycopg|pymysql|MySQLdb|mysql|asyncmy)", re.MULTILINE), "%s"),
    (re.compile(r"[\"'](?:pg|postgres|github\.com/(?:lib/pq|jackc/pgx\S*))[\"']"), "$1"),
)
_QUERY = (
    "Keep the words of the query as they are, write {{mark}} in it where the value stands, without quotes around it, "
    "and {hand_over}. Keep all else."
)
_INSIDE = (
    "Resolve the path ({resolve}), {refuse} unless the result begins with the resolved folder and {separator}, and use "
    "the result."
)

_REMEDIES = {
    ("sql-injection", "python"): _QUERY.format(hand_over="pass the values as the second argument, a tuple"),
    ("sql-injection", "javascript"): _QUERY.format(hand_over="pass the values as the second argument, an array"),
    ("sql-injection", "go"): _QUERY.format(hand_over="pass the values as the arguments behind the query"),
    ("sql-injection", "java"): _QUERY.format(
        hand_over="make a PreparedStatement of it, whose values are set one by one before it is run"
    ),
    ("sql-injection", "php"): _QUERY.format(hand_over="prepare it, and pass the values to `execute`"),
    ("command-injection", "python"): (
        "Call `subprocess.run` with a list, the program first, each argument by itself and the value one of them; no "
        "shell, no string for the command. It needs `import subprocess`."
    ),
    ("command-injection", "javascript"): (
        "Call `execFile` instead, with the program, then an array of its arguments, the value one of them, then what "
        "follows as it is. Import `execFile` where `exec` was imported."
    ),
    ("command-injection", "go"): "Pass the program and each argument by itself to `exec.Command`, without a shell.",
    ("weak-random", "python"): (
        "Use the module `secrets` here: `secrets.choice`, `secrets.randbelow`, `secrets.token_hex`. It needs `import "
        "secrets`."
    ),
    ("weak-random", "javascript"): "Use `crypto.randomBytes(16).toString('hex')` or `crypto.randomUUID()` here.",
    ("weak-random", "java"): "Use `java.security.SecureRandom` here.",
    ("weak-random", "go"): "Use `crypto/rand` here.",
    ("unsafe-deserialization", "python"): (
        "Read it as plain data: `yaml.safe_load` in place of `yaml.load` (it takes no Loader), `json.loads` in place "
        "of `pickle.loads`."
    ),
    ("path-traversal", "python"): _INSIDE.format(
        resolve="`os.path.realpath` of the joined path", refuse="raise a ValueError", separator="`os.sep`"
    ),
    ("path-traversal", "javascript"): _INSIDE.format(
        resolve="`path.resolve` with the folder", refuse="throw an Error", separator="`path.sep`"
    ),
    ("weak-cryptography", "python"): (
        "Use `hashlib.scrypt` with a salt, n, r and p for a password, `hashlib.sha256` for anything else."
    ),
    ("certificate-check", "python"): "Leave the argument out that turns the check off.",
    ("cross-site-scripting", "javascript"): (
        "In a browser set `textContent` in place of `innerHTML`; on a server escape the value before it is sent."
    ),
    ("cross-site-scripting", "python"): "Escape the value: `html.escape` or `markupsafe.escape`.",
    ("code-injection", "python"): "Read the value with `ast.literal_eval` or `json.loads`, which run nothing.",
    ("code-injection", "javascript"): "Read the value with `JSON.parse`, which runs nothing.",
    ("debug-mode", "python"): "Leave the argument out that turns debugging on.",
    ("open-redirect", "python"): "Redirect only where the address begins with one `/` and not with two.",
    ("insecure-temporary-file", "python"): "Use `tempfile.NamedTemporaryFile` or `tempfile.mkstemp` here.",
}
