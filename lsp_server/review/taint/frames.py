"""What is known of variables while a function is walked through.

Invariant: `variables` is the state at the statement that is being read; branches work on copies, which are joined where
they meet again.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lsp_server.review import ir
from lsp_server.review.taint.values import NOTHING, Value, is_same, join

if TYPE_CHECKING:
    from lsp_server.review.taint.functions import ClassInfo, FunctionInfo

Variables = dict[str, Value]


@dataclass(slots=True, eq=False)
class Frame:
    """A function, or the file itself, that is being walked through.

    parent: of the function or file around it. function: None for the file and for class bodies. handlers: what the
    function is called as from outside. pending: functions to walk through when this one's end is reached. tests: what
    the variables that hold the outcome of a test were assigned from.
    """

    variables: Variables
    parent: "Frame | None" = None
    function: "FunctionInfo | None" = None
    owner: "ClassInfo | None" = None
    symbol: str = ""
    handlers: tuple[str, ...] = ()
    returned: Value = NOTHING
    tests: dict[str, ir.Expression] = field(default_factory=dict)
    exits: list[list[Variables]] = field(default_factory=list)
    pending: "list[FunctionInfo | ClassInfo]" = field(default_factory=list)

    def find(self, name: str) -> Value | None:
        """Return what is known of variable `name`, here or around; None when nothing binds it."""
        frame: Frame | None = self
        while frame is not None:
            value = frame.variables.get(name)
            if value is not None:
                return value
            frame = frame.parent
        return None

    def holder_of(self, name: str) -> "Frame | None":
        """Return the frame, this or one around, that binds `name`."""
        frame: Frame | None = self
        while frame is not None and name not in frame.variables:
            frame = frame.parent
        return frame

    def branch(self) -> Variables:
        """Go on with a copy of the variables; return them as they are now."""
        before = self.variables
        self.variables = dict(before)
        return before


def join_variables(states: list[Variables], around: Frame | None) -> Variables:
    """Return what is known where the branches that ended in `states`, one at least, meet.

    A variable that only some of them bind is what they bind, or what binds it in the frames `around`.
    """
    first, *others = states
    if not others:
        return first
    joined = dict(first)
    for state in others:
        for name, value in state.items():
            mine = joined.get(name)
            if mine is not value:
                if mine is None and around is not None:
                    mine = around.find(name)
                joined[name] = value if mine is None else join(mine, value)
    if around is not None:
        for name in [name for name in first if any(name not in state for state in others)]:
            outer = around.find(name)
            joined[name] = join(joined[name], outer) if outer is not None else joined[name]
    return joined


def is_same_state(before: Variables, after: Variables) -> bool:
    """Tell whether `after` says nothing new."""
    return len(before) == len(after) and all(
        (known := before.get(name)) is not None and is_same(known, value) for name, value in after.items()
    )
