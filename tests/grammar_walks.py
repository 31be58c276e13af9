"""Answers drawn at random from what a grammar allows, and the same answers again with several places at once."""

import itertools
from collections.abc import Collection
from random import Random

import numpy as np
from numpy.typing import NDArray

from inference.constraints import Constraint

N_MOST = 30  # tokens of an answer


def assert_same_together(
    alone: Constraint, together: Constraint, end_ids: Collection[int], n_logits: int, random: Random
) -> None:
    """See that places after a draft allow what they allow one by one. alone, together: of one grammar, not yet used."""
    answer, rows, is_complete = _walk(alone, end_ids, n_logits, random)
    begin = 0
    while begin < len(answer):
        guessed = answer[begin : begin + random.randrange(8)]
        if guessed and random.random() < 0.5:
            guessed[random.randrange(len(guessed))] = random.randrange(n_logits)
        draft = together.draft(guessed)
        allowed = together.allow(draft, n_logits)
        assert allowed.shape == (len(draft) + 1, n_logits)
        left = answer[begin:]
        n_held = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(draft, left, strict=False)))
        made = left[: n_held + 1]
        for index in range(len(made)):
            assert (allowed[index] == rows[begin + index]).all()
        begin += len(made)
        assert together.keep(made) == (len(made) if is_complete and begin == len(answer) else None)


def _walk(
    constraint: Constraint, end_ids: Collection[int], n_logits: int, random: Random
) -> tuple[list[int], list[NDArray[np.bool_]], bool]:
    """Answer a token at a time: the tokens, what was allowed at each, and whether nothing could follow."""
    answer: list[int] = []
    rows = []
    while len(answer) < N_MOST:
        rows.append(constraint.allow([], n_logits)[0])
        answer.append(int(random.choice(np.flatnonzero(rows[-1]))))
        if constraint.keep(answer[-1:]) is not None:
            return answer, rows, True
        if answer[-1] in end_ids:
            break
    return answer, rows, False
