"""Guess the next tokens by looking up where the last ones stood before. Pure: tokens and times in, tokens out.

Owns what was learned about guessing with one model: what it said lately, how often a guess holds, and what a step over
several tokens costs here. Invariant: a guess never changes an answer. Its tokens are candidates, which one step of the
model computes all together and keeps only as far as they are what would have been chosen anyway.
"""

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

MAX_DRAFT_TOKENS = 15
# Of a match, as many tokens as are compared; more would not say more.
_MAX_MATCH_TOKENS = 16
# Of the places where the last two tokens stood before, the latest so many are compared.
_MAX_PLACES = 64
# Short answers are kept whole, of long ones the end; what they go on from is kept before them, as far as a match goes.
_N_RECENT_ANSWERS = 8
_MAX_ANSWER_TOKENS = 512
# What a step over up to n tokens costs, in steps over one: two cores, float32, 0.5B parameters. Where it is otherwise,
# the steps themselves soon say so. From four tokens on, another kind of matrix product is used.
_WIDTH_CLASSES: tuple[tuple[int, float], ...] = ((3, 1.2), (8, 2.4), (MAX_DRAFT_TOKENS + 1, 3.2))
# How often the next token of a guess holds, by the least tokens that matched before it: in Python source that is gone
# on with from a thousand tokens of it, 0.41, 0.50, 0.72 and 0.83; more where a file is written again.
_MATCH_CLASSES: tuple[tuple[int, float], ...] = ((2, 0.35), (3, 0.5), (5, 0.7), (_MAX_MATCH_TOKENS, 0.95))
# Prior knowledge counts as so many tokens, and what was learned is forgotten by this share with every token after it.
_PRIOR_TOKENS = 8.0
_FORGOTTEN_PER_TOKEN = 0.02
_FORGOTTEN_PER_STEP = 0.01
_STEP_WEIGHT = 0.1
_GAIN_WEIGHT = 0.1
# A guess must promise so much more than a step over one token gives.
_LEAST_GAIN = 1.05


class IndexedTokens:
    """Tokens, and where each pair of them stands. Grows at its end."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens: list[int] = []
        self._followers: dict[tuple[int, int], list[int]] = {}
        self.extend(tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        """Append `tokens`."""
        begin = max(2, len(self.tokens))
        self.tokens += tokens
        for index in range(begin, len(self.tokens)):
            pair = self.tokens[index - 2], self.tokens[index - 1]
            self._followers.setdefault(pair, []).append(index)

    def find(self, context: Sequence[int]) -> tuple[int, int]:
        """Find where the longest end of `context` stood before, the latest such place: (tokens matched, what follows).

        At least two tokens match, or the answer is (0, 0). What follows is an index of `tokens`, and always exists.
        """
        best = 0, 0
        if len(context) < 2:
            return best
        for place in self._followers.get((context[-2], context[-1]), [])[-_MAX_PLACES:]:
            best = max(best, (self._n_matched(context, place), place))
        return best

    def _n_matched(self, context: Sequence[int], place: int) -> int:
        n_most = min(len(context), place, _MAX_MATCH_TOKENS)
        n = 2
        while n < n_most and context[-n - 1] == self.tokens[place - n - 1]:
            n += 1
        return n


class Draft(NamedTuple):
    """Tokens that may come next, and how many before them matched: 0 where they are no guess but must come."""

    tokens: list[int]
    n_matched: int


NO_DRAFT = Draft([], 0)


class Experience:
    """What guessing with one model has taught so far, across its jobs."""

    def __init__(self) -> None:
        self.answers: deque[IndexedTokens] = deque(maxlen=_N_RECENT_ANSWERS)
        self._step_s: float | None = None
        self._costs = [cost for _, cost in _WIDTH_CLASSES]
        self._held = [_PRIOR_TOKENS * share for _, share in _MATCH_CLASSES]
        self._tried = [_PRIOR_TOKENS for _ in _MATCH_CLASSES]

    def best_length(self, n_matched: int, n_most: int, max_cost: float = math.inf) -> int:
        """Return how many tokens to guess after a match of `n_matched`, 0 to `n_most`: what makes most tokens a second.

        Each guessed token counts only where all before it hold. max_cost: of the step, in steps over one token.
        """
        match = _match_class(n_matched)
        share = self._held[match] / self._tried[match]
        best, best_n = _LEAST_GAIN, 0
        expected = 1.0
        for n in range(1, n_most + 1):
            expected += share**n
            cost = self._costs[_width_class(n + 1)]
            if cost <= max_cost and expected / cost > best:
                best, best_n = expected / cost, n
        return best_n

    def gain(self, n_matched: int, n: int) -> float:
        """Return what a step with `n` guessed tokens after a match of `n_matched` makes, in steps over one token."""
        match = _match_class(n_matched)
        share = self._held[match] / self._tried[match]
        return sum(share**index for index in range(n + 1)) / self._costs[_width_class(n + 1)]

    def gain_together(self, n: int) -> float:
        """Return what a step over one token of each of `n` sequences makes, in steps over one token."""
        return n / self._costs[_width_class(min(n, MAX_DRAFT_TOKENS + 1))]

    def learn_step(self, n_tokens: int, took_s: float) -> None:
        """Take in that a step over `n_tokens`, of one sequence or of several, took `took_s`.

        What wide steps cost drifts back to what was known before while none is made: one bad moment must not
        decide for the life of the process.
        """
        if n_tokens == 1:
            self._step_s = took_s if self._step_s is None else self._step_s + _STEP_WEIGHT * (took_s - self._step_s)
            for index, (_, prior) in enumerate(_WIDTH_CLASSES):
                self._costs[index] += _FORGOTTEN_PER_STEP * (prior - self._costs[index])
        elif self._step_s:
            index = _width_class(n_tokens)
            ratio = min(max(took_s / self._step_s, 1.0), 4 * _WIDTH_CLASSES[index][1])
            self._costs[index] += _STEP_WEIGHT * (ratio - self._costs[index])

    def learn_draft(self, draft: Draft, n_accepted: int) -> None:
        """Take in how many tokens of `draft` held. Those behind the first that did not say nothing."""
        match = _match_class(draft.n_matched)
        n_tried = min(n_accepted + 1, len(draft.tokens))
        kept = (1 - _FORGOTTEN_PER_TOKEN) ** n_tried
        self._held[match] = kept * self._held[match] + n_accepted
        self._tried[match] = kept * self._tried[match] + n_tried

    def learn_no_draft(self, n_matched: int) -> None:
        """Take in that a guess was not worth a try; after enough of these one is tried again."""
        match = _match_class(n_matched)
        expected = _MATCH_CLASSES[match][1] * self._tried[match]
        self._held[match] += _FORGOTTEN_PER_STEP * (expected - self._held[match])

    def keep_answer(self, context: Sequence[int], answer: Sequence[int]) -> None:
        """Keep an answer that ended, and what it goes on from, to guess from later."""
        if answer:
            begun = context[-_MAX_MATCH_TOKENS:]
            self.answers.append(IndexedTokens([*begun, *answer[-_MAX_ANSWER_TOKENS:]]))


class Drafter:
    """Guesses for one job. Counts in tokens; n_drafted were computed as guesses, n_accepted of them held.

    gain: what its steps are expected to make, in steps over one token: a mean over the last of them. max_cost: how long
    a step may last, in the same measure.
    """

    def __init__(self, experience: Experience, prompt: Sequence[int], goes_on_at: int | None, max_tokens: int) -> None:
        """goes_on_at: where in `prompt` stands what the answer goes on from, when that is not its end.

        max_tokens: of the answer; guesses never go beyond.
        """
        self.n_drafted = self.n_accepted = 0
        self.gain = 1.0
        self.max_cost = math.inf
        self._experience = experience
        end = len(prompt) if goes_on_at is None else goes_on_at
        self._n_context = end
        self._text = IndexedTokens(prompt[:end])
        self._rest = IndexedTokens(prompt[end:])
        self._max_tokens = max_tokens

    def draft(self) -> Draft:
        """Guess what comes next; no tokens where nothing matches or where trying would not pay."""
        draft = self._draft()
        gain = self._experience.gain(draft.n_matched, len(draft.tokens)) if draft.tokens else 1.0
        self.gain += _GAIN_WEIGHT * (gain - self.gain)
        return draft

    def beats(self, n_together: int, margin: float) -> bool:
        """Tell whether guessing makes more than decoding together with others, `n_together` in all, by `margin`."""
        return self.gain > margin * self._experience.gain_together(n_together)

    def _draft(self) -> Draft:
        n_left = self._max_tokens - (len(self._text.tokens) - self._n_context)
        n_most = min(n_left - 1, MAX_DRAFT_TOKENS)
        if n_most < 1:
            return NO_DRAFT
        context = self._text.tokens[-_MAX_MATCH_TOKENS:]
        n_matched, place, found = 0, 0, self._text
        for source in (self._text, self._rest, *reversed(self._experience.answers)):
            n, at = source.find(context)
            if n > n_matched:
                n_matched, place, found = n, at, source
        if n_matched == 0:
            return NO_DRAFT
        n_wanted = self._experience.best_length(n_matched, n_most, self.max_cost)
        if n_wanted == 0:
            self._experience.learn_no_draft(n_matched)
        return Draft(found.tokens[place : place + n_wanted], n_matched)

    def learn(self, draft: Draft, made: Sequence[int]) -> None:
        """Take in what one step made after `draft`: the tokens of it that held, and one more."""
        self._text.extend(made)
        if draft.tokens and draft.n_matched:
            n_accepted = len(made) - 1
            self.n_drafted += len(draft.tokens)
            self.n_accepted += n_accepted
            self._experience.learn_draft(draft, n_accepted)

    def learn_step(self, n_tokens: int, took_s: float) -> None:
        """Take in that a step over `n_tokens`, with no others before them to compute, took `took_s`."""
        self._experience.learn_step(n_tokens, took_s)

    def finish(self, n_decoded: int) -> None:
        """Leave the answer's first `n_decoded` tokens, which is what of it was wanted, to later jobs."""
        tokens, begin = self._text.tokens, self._n_context
        self._experience.keep_answer(tokens[:begin], tokens[begin : begin + n_decoded])


def _match_class(n_matched: int) -> int:
    return max(index for index, (least, _) in enumerate(_MATCH_CLASSES) if n_matched >= least)


def _width_class(n_tokens: int) -> int:
    return next(index for index, (most, _) in enumerate(_WIDTH_CLASSES) if n_tokens <= most)
