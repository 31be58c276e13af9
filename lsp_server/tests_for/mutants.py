"""Small changes to a function that a good test should notice, by tables of node types. Pure.

Invariants: a mutant parses, differs from the code, and has as many lines, so that a line means the same in both.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. start and end: code points of the target's file; line: 0-based; new: what stands there instead."""

    start: int
    end: int
    line: int
    old: str
    new: str

    def apply(self, text: str) -> str:
        """Return `text`, the whole file, with this change."""
        return text[: self.start] + self.new + text[self.end :]
