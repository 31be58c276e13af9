"""The file that the tests of every editor type into, and what the scripted engine answers there."""

import json
from pathlib import Path

from tests.weak_view import BOUND

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
MENDED = [{"pattern": ".", "reply": BOUND}]
UNDOCUMENTED = "def add(a, b):\n    return a + b\n"
SUMMARY = '"""Return the sum of `a` and `b`."""'
DOCUMENTED = [{"pattern": ".", "reply": json.dumps({"summary": "Return the sum of `a` and `b`", "details": ""})}]
# Generated tests run many times, on a machine with other things to do.
SANDBOX_MS = 90_000


def source(workspace: Path, text: str = BEFORE, name: str = "sums.py") -> Path:
    """Write a file with exactly `text`, line ends included."""
    file = workspace / name
    file.write_bytes(text.encode())
    return file
