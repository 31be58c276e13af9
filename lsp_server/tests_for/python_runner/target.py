"""The target in memory: which code is its, and how its functions get other code."""

from __future__ import annotations

import gc
import os
import types
from typing import TYPE_CHECKING, Iterator, Sequence  # noqa: UP035  # Python 3.8 runs this as well

if TYPE_CHECKING:
    from .job import Job

    Swap = tuple[types.FunctionType, types.CodeType]  # a function, and the code that it gets


def is_of_target(code: types.CodeType, job: Job) -> bool:
    """Tell whether `code` was compiled from lines of the target."""
    if not job.first_line <= code.co_firstlineno <= job.last_line:
        return False
    return os.path.realpath(code.co_filename) == job.source


def functions_of(job: Job) -> list[types.FunctionType]:
    """Return the functions that were made of the target's lines, however they are wrapped."""
    return [each for each in gc.get_objects() if type(each) is types.FunctionType and is_of_target(each.__code__, job)]


def swaps_of(functions: Sequence[types.FunctionType], text: str, job: Job) -> list[Swap]:
    """Return which function gets which code for the target's file to say `text`; none where that does not compile."""
    try:
        module = compile(text, job.source, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return []
    codes = {(code.co_name, code.co_firstlineno): code for code in _codes_in(module)}
    swaps = []
    for function in functions:
        before = function.__code__
        after = codes.get((before.co_name, before.co_firstlineno))
        if after is not None and after.co_freevars == before.co_freevars:
            swaps.append((function, after))
    return swaps


def _codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield each
            yield from _codes_in(each)
