"""Which tokens may come next when an answer must match a grammar: llguidance, as masks over the vocabulary.

Owns the compiled grammars and, of one answer, how far it has got. No MLX. Invariants: what may stand at a place depends
on the answer before it alone, not on how many places are looked at together; no control token may ever stand anywhere,
except those that end the answer, where the grammar can end.
"""

import itertools
import json
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from inference.errors import RequestInvalid
from inference.grammars import Grammar
from inference.models.tokenizer import Tokenizer
from inference.speculation import MAX_DRAFT_TOKENS

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLParserLimits
    from llguidance._lib import JsonCompileOptions

# JSON on one line, as `json.dumps` writes it: a model cannot get lost in white space, and more of it is forced.
_JSON_STYLE: "JsonCompileOptions" = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    "lenient": False,
}
_MAX_REASON_CHARACTERS = 300
# No vocabulary joins it with what follows.
_MARK = "\x02"


class Vocabulary:
    """A tokenizer as llguidance takes it. Making one takes half a second for 150,000 tokens, most of it with the GIL.

    Control tokens have no bytes there, so that no grammar meets them, and the end of an answer is one more token, which
    no model has: which of the model's own tokens end an answer is up to each answer.
    """

    bos_token_id = None

    def __init__(self, tokenizer: Tokenizer) -> None:
        from llguidance import LLTokenizer, TokenizerWrapper

        words = tokenizer.vocabulary()
        self.n_tokens = len(words)
        self.is_text: NDArray[np.bool_] = np.array([bool(word) for word in words])
        self.tokens = [*words, b"<end>"]
        self.eos_token_id = self.n_tokens
        self.special_token_ids = [self.eos_token_id]
        self._tokenizer = tokenizer
        self.for_matchers = LLTokenizer(TokenizerWrapper(self))

    def has_text(self, token: int) -> bool:
        """Tell whether `token` is one that text is made of."""
        return token < self.n_tokens and bool(self.is_text[token])

    def __call__(self, text: str) -> list[int]:
        """Encode what a grammar forces, which goes on from something: without the space that some put before a text."""
        ids = self._tokenizer.encode(text)
        if self._bytes(ids) == text.encode():
            return ids
        marked = self._tokenizer.encode(_MARK + text)
        return next((marked[n:] for n in (1, 2) if self._bytes(marked[n:]) == text.encode()), ids)

    def _bytes(self, ids: Sequence[int]) -> bytes:
        return b"".join(self.tokens[i] for i in ids)


@lru_cache(maxsize=2)  # as many models as are resident at once
def _vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    return Vocabulary(tokenizer)


def read_vocabulary(tokenizer: Tokenizer) -> None:
    """Read what every grammar of `tokenizer`'s model needs, so that the first answer held to one need not wait."""
    _vocabulary(tokenizer)


def compile_grammar(grammar: Grammar, tokenizer: Tokenizer, end_ids: Collection[int], n_most: int) -> "Constraint":
    """Compile `grammar` for an answer of at most `n_most` tokens of `tokenizer`, which `end_ids` end.

    Raises RequestInvalid, with the reason, when that cannot be done in bounded time, or no answer could match.
    """
    from llguidance import LLMatcher

    grammar.check()
    vocabulary = _vocabulary(tokenizer)
    try:
        notation = _notation(grammar)
    except Exception as error:  # the library raises bare ones of several kinds
        raise _refusal(grammar.param, str(error)) from error
    matcher = LLMatcher(vocabulary.for_matchers, notation, log_level=0, limits=_limits())
    constraint = Constraint(matcher, vocabulary, end_ids, n_most, grammar.param)
    constraint.try_out()
    return constraint


class Constraint:
    """One answer against its grammar. Used by one thread at a time; a step is `draft`, `allow`, then `keep`."""

    def __init__(
        self, matcher: "LLMatcher", vocabulary: Vocabulary, end_ids: Collection[int], n_most: int, param: str
    ) -> None:
        """end_ids: the tokens that end the answer. n_most: how many tokens it may have. param: see Grammar."""
        self._matcher = matcher
        self._vocabulary = vocabulary
        self._end_ids = frozenset(end_ids)
        self._n_left = n_most
        self._param = param
        # Tokens that must come next. What the grammar forces may be cut in one way only, the tokenizer's own.
        self._forced: list[int] = []
        # What was forced at each place that the last `allow` looked at, and whether anything may stand there.
        self._places: list[tuple[list[int], bool]] = []

    def try_out(self) -> None:
        """Raise RequestInvalid when no answer can even begin, which some grammars show only now."""
        self._check()
        self._forced = begun = self._matcher.compute_ff_tokens()
        allowed = np.flatnonzero(self.allow([], self._vocabulary.n_tokens)[0])
        if allowed.size and int(allowed[0]) not in self._end_ids:
            self._advance(int(allowed[0]))
            self._back(1)
        self._check(is_stuck=not allowed.size)
        self._forced = begun

    def draft(self, guessed: Sequence[int]) -> list[int]:
        """Give the tokens to compute along: what must come next, or of `guessed` what may, where that goes further."""
        forced = self._forced[: min(MAX_DRAFT_TOKENS, max(0, self._n_left - 1))]
        goes_further = len(guessed) > len(forced) and [*guessed[: len(forced)]] == forced
        draft = [*itertools.takewhile(self._vocabulary.has_text, guessed if goes_further else forced)]
        return draft[: self._matcher.validate_tokens(draft)]

    def allow(self, draft: Sequence[int], n_logits: int) -> NDArray[np.bool_]:
        """Tell what may stand at each place of `draft` and at the one after it: bool[len(draft) + 1, n_logits].

        Behind a token that may not stand where it does there is nothing to tell, and the rows are all False.
        """
        allowed = np.zeros((len(draft) + 1, n_logits), np.bool_)
        self._places = []
        for row, token in zip(allowed, [*draft, None], strict=True):
            self._fill(row)
            self._places.append((self._forced, bool(row.any())))
            if token is None or not row[token]:
                break
            self._advance(token)
        return allowed

    def keep(self, made: Sequence[int]) -> int | None:
        """Take in what was chosen: the tokens of the draft that held and one more, each allowed at its place.

        Return how many of these make the answer complete, with nothing that could follow; None where it goes on, or
        ends with the last of them because that is a token that ends it.
        Raises RequestInvalid when the grammar has led where nothing may follow.
        """
        *held, last = made
        self._back(len(self._places) - 1 - len(held))
        self._forced, is_open = self._places[len(held)]
        self._n_left -= len(made)
        self._check()
        if held and self._matcher.is_stopped():
            return len(held)
        self._check(is_stuck=not is_open)
        if last in self._end_ids:
            return None
        self._advance(last)
        self._check()
        return len(made) if self._matcher.is_stopped() else None

    def _fill(self, row: NDArray[np.bool_]) -> None:
        n = min(self._vocabulary.n_tokens, row.size)
        if self._forced:
            token = self._forced[0]
            if token < n:
                row[token] = self._vocabulary.has_text(token)
            return
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        np.logical_and(np.unpackbits(bits, count=n, bitorder="little"), self._vocabulary.is_text[:n], out=row[:n])
        if self._matcher.is_accepting():
            row[[token for token in self._end_ids if token < row.size]] = True

    def _advance(self, token: int) -> None:
        self._matcher.consume_token(token)
        self._forced = self._forced[1:] or self._matcher.compute_ff_tokens()

    def _back(self, n: int) -> None:
        if n:
            self._matcher.rollback(n)

    def _check(self, *, is_stuck: bool = False) -> None:
        if self._matcher.is_error():
            raise _refusal(self._param, self._matcher.get_error())
        if is_stuck:
            raise _refusal(self._param, "nothing may follow at one of its places")


def _notation(grammar: Grammar) -> str:
    from llguidance import LLMatcher
    from llguidance.gbnf_to_lark import any_to_lark

    if grammar.kind == "json_schema":
        return LLMatcher.grammar_from_json_schema(grammar.text, overrides=_JSON_STYLE)
    if grammar.kind == "regex":
        return LLMatcher.grammar_from_regex(grammar.text)
    if grammar.kind == "grammar":
        return LLMatcher.grammar_from_lark(any_to_lark(grammar.text))
    choices = " | ".join(json.dumps(choice) for choice in json.loads(grammar.text))
    return LLMatcher.grammar_from_lark(f"start: CHOICE\nCHOICE: {choices}")


def _limits() -> "LLParserLimits":
    from llguidance import LLParserLimits

    # Errors are not verbose: they would repeat the grammar and the answer.
    return LLParserLimits(initial_lexer_fuel=200_000, max_grammar_size=100_000, verbose_errors=False)


def _refusal(param: str, reason: str) -> RequestInvalid:
    """Shape llguidance's reason, which is one line or a listing with an `error:` in it."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()] or ["it gave no reason"]
    line = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), lines[0])
    words = "no answer can be held to it"
    return RequestInvalid(f"{param}: {words}: {line[:_MAX_REASON_CHARACTERS]}", param)
