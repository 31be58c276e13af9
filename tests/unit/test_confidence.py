"""How sure the model was of what is shown."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion.confidence import Piece, confidence
from lsp_server.engine import wire
from lsp_server.engine.protocol import CompletionRequest

SURE, HALF = Piece("total", 0.0), Piece(" + 1", math.log(0.5))


@pytest.mark.parametrize(
    ("pieces", "shown", "expected"),
    [
        ([SURE], "total", 1.0),
        ([HALF, HALF], "+ 1 + 1", 0.5),
        ([SURE, HALF], "total + 1", 0.5**0.5),
        ([SURE, Piece("\n", math.log(0.01)), HALF], "total", 1.0),  # what was cut has no say
        ([Piece("\n    ", math.log(0.25)), SURE], "total", 1.0),  # nor has the indentation
        ([SURE, Piece("\n    ", math.log(0.25)), SURE], "total\n    total", 0.25 ** (1 / 3)),
        ([Piece("total", math.log(0.01)), SURE, SURE, SURE], "total", 0.01),  # it would have said something else
        ([SURE, Piece("total", math.log(0.01))], "total total", 0.1),
        ([SURE, HALF], "", None),
        ([Piece("total", None)], "total", None),  # an engine that does not tell
        ([], "total", None),
    ],
)
def test_it_is_the_mean_over_what_is_shown(pieces: list[Piece], shown: str, expected: float | None) -> None:
    assert confidence(pieces, shown) == (None if expected is None else pytest.approx(expected))


@given(st.lists(st.tuples(st.text(), st.one_of(st.none(), st.floats()))), st.text())
def test_it_is_a_share_whatever_an_engine_sends(pieces: list[tuple[str, float | None]], shown: str) -> None:
    sure = confidence((Piece(*piece) for piece in pieces), shown)
    assert sure is None or 0.0 <= sure <= 1.0


@pytest.mark.parametrize("is_worker", [True, False])
@pytest.mark.parametrize("wants_logprobs", [True, False])
def test_an_engine_is_asked_for_probabilities_only_where_they_are_wanted(is_worker: bool, wants_logprobs: bool) -> None:
    request = CompletionRequest("a = ", "", "file:///a", wants_logprobs=wants_logprobs)
    body = json.loads(wire.completion_body(request, None, is_worker=is_worker))
    assert body.get("logprobs") == (1 if wants_logprobs else None)


@pytest.mark.parametrize(
    ("told", "logprob"),
    [
        ("null", None),
        ('{"token_logprobs": null}', None),
        ('{"token_logprobs": [null]}', None),
        ('{"token_logprobs": [-0.5]}', -0.5),
        ('{"token_logprobs": [-0.5, -0.25]}', -0.75),
        ('{"content": []}', None),
    ],
)
def test_what_an_engine_tells_of_a_piece(told: str, logprob: float | None) -> None:
    token = wire.read_chunk(f'{{"choices": [{{"text": "a", "logprobs": {told}}}]}}', is_worker=False)
    assert token is not None
    assert token.logprob == logprob
