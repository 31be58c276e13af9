"""What became of a suggestion, read off the document alone: no editor has to report anything.

Pure: snapshots and times in, outcomes out. The rule: text that came in one edit was accepted, text that came letter by
letter was typed. Invariant: every suggestion that was shown ends with one outcome.
"""

from dataclasses import dataclass

from lsp_server.completion.surroundings import Surroundings
from lsp_server.document import DocumentSnapshot, Position
from lsp_server.feedback.records import Outcome

KEPT_AFTER_S = 30.0
_NEAR_LINES = 40


@dataclass(slots=True)
class Shown:
    """A suggestion on the screen.

    n_there: its characters that stand in the document. n_at_once: of those, the ones that came several in one edit.
    """

    position: Position
    around: Surroundings
    text: str
    n_there: int = 0
    n_at_once: int = 0

    def follow(self, now: DocumentSnapshot) -> bool:
        """Look at the document after an edit; tell whether the suggestion may still be taken up."""
        n_there = self._n_there(now)
        if n_there is None:
            return False
        if n_there - self.n_there > 1:
            self.n_at_once += n_there - self.n_there
        self.n_there = n_there
        return n_there < len(self.text)

    def outcome(self) -> Outcome:
        """Tell what has become of it until now."""
        if self.n_at_once == 0:
            return Outcome.TYPED if self.n_there == len(self.text) else Outcome.IGNORED
        return Outcome.ACCEPTED if self.n_there == len(self.text) else Outcome.PARTLY

    def expects(self, snapshot: DocumentSnapshot, position: Position, text: str) -> bool:
        """Tell whether `text` at `position` is what is left of this suggestion."""
        return (
            self.text.endswith(text)
            and self.n_there == len(self.text) - len(text)
            and bool(text)
            and (snapshot.text_before(position, self.n_there) == self.text[: self.n_there])
        )

    def is_kept(self, now: DocumentSnapshot) -> bool:
        """Tell whether what was taken of it still stands near its place, whatever was written around it."""
        taken = self.text[: self.n_there].strip()
        first = max(0, self.position.line - _NEAR_LINES)
        last = self.position.line + self.text.count("\n") + _NEAR_LINES
        return bool(taken) and taken in "".join(now.lines[first : last + 1])

    def _n_there(self, now: DocumentSnapshot) -> int | None:
        """Count the characters of the suggestion that stand at its place; None when that place is gone."""
        line, column = self.position
        if line >= len(now.lines) or column > len(now.lines[line]):
            return None
        if Surroundings.of(now, self.position).before != self.around.before:
            return None
        there = now.text_after(self.position, len(self.text))
        n = next((i for i, (a, b) in enumerate(zip(there, self.text, strict=False)) if a != b), None)
        return min(len(there), len(self.text)) if n is None else n
