"""What the supervisor is told to run and what it answers: a line of JSON each way, then the output as it came.

The line that starts a run comes on the supervisor's stdin, which stays open for as long as the run is wanted.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Ended(StrEnum):
    """How a run came to its end."""

    EXITED = "exited"
    TIMEOUT = "timeout"
    KILLED = "killed"
    TOO_MUCH_OUTPUT = "too much output"
    NOT_STARTED = "not started"


class Limits(NamedTuple):
    """What one run may take, all its processes together unless it says otherwise.

    cpu_s is for each process, of which several may compute at once until wall_s is over. output_bytes is for stdout
    and for stderr. n_processes counts threads as well. memory_bytes and scratch_bytes are held by looking 50 times a
    second, and also, within one process or one file, by the kernel.
    """

    wall_s: float = 10
    cpu_s: int = 10
    memory_bytes: int = 1 << 30
    n_processes: int = 64
    output_bytes: int = 1 << 20
    scratch_bytes: int = 256 << 20


class Order(NamedTuple):
    """One run. kind: the sandbox's name; program: the path of `bwrap` or `sandbox-exec`, or "". Paths are absolute."""

    kind: str
    program: str
    command: tuple[str, ...]
    workspace: str
    scratch: str
    readable: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str]
    limits: Limits

    def to_line(self) -> bytes:
        """Write the order as a line."""
        return json.dumps(self._asdict() | {"limits": self.limits._asdict()}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Order":
        """Read what `to_line` wrote."""
        values = json.loads(line)
        values["command"] = tuple(values["command"])
        values["readable"] = tuple(values["readable"])
        values["limits"] = Limits(**values["limits"])
        return cls(**values)


class Outcome(NamedTuple):
    """What became of a run. exit_code: over 128 for a signal, None unless it ended by itself. reason: words or ""."""

    exit_code: int | None
    ended: Ended
    reason: str
    wall_s: float
    output: bytes
    errors: bytes

    def to_bytes(self) -> bytes:
        """Write the outcome: a line of JSON, stdout, stderr."""
        head = {
            "exit_code": self.exit_code,
            "ended": self.ended,
            "reason": self.reason,
            "wall_s": self.wall_s,
            "n_output": len(self.output),
        }
        return json.dumps(head).encode() + b"\n" + self.output + self.errors

    @classmethod
    def from_bytes(cls, answer: bytes) -> "Outcome":
        """Read what `to_bytes` wrote. Raises ValueError, KeyError."""
        line, _, rest = answer.partition(b"\n")
        head = json.loads(line)
        n_output = head["n_output"]
        return cls(
            head["exit_code"], Ended(head["ended"]), head["reason"], head["wall_s"], rest[:n_output], rest[n_output:]
        )
