"""The file that the tests of every editor type into, and what the scripted engine answers there."""

import json
from pathlib import Path

BODY = "return a + b"
RULES = (
    {"pattern": r"def add\(a, b\):\n    $", "reply": BODY},
    {"pattern": r"return a \+ b$", "reply": "  # the sum"},
)
BEFORE = "import math\n\n\ndef add(a, b):\n"
GHOST = {"text": BODY, "row": 4, "column": 4}
ACCEPTED = ["import math", "", "", "def add(a, b):", "    return a + b"]
# Slower than any deadline of these tests.
NEVER_S = 600.0

ADD = 'def add(a, b):\n    """Add two numbers."""\n    total = a + b\n    return total\n'
TESTED = [{"pattern": ".", "reply": "```python\ndef test_add():\n    assert add(1, 2) == 3\n```"}]
VIEW = """\
import sqlite3

from flask import request


def find():
    name = request.args["name"]
    return sqlite3.connect("db").execute("select * from users where name = '" + name + "'")
"""
BOUND = {
    "old_text": '"select * from users where name = \'" + name + "\'"',
    "new_text": '"select 1 where n = ?", (name,)',
}
MENDED = [{"pattern": ".", "reply": json.dumps(BOUND)}]
# Generated tests run many times, on a machine with other things to do.
SANDBOX_MS = 90_000


def source(workspace: Path, text: str = BEFORE, name: str = "sums.py") -> Path:
    """Write a file with exactly `text`, line ends included."""
    file = workspace / name
    file.write_bytes(text.encode())
    return file
