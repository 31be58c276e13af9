"""One job's tokens to what it says: which end it, and which control tokens are shown."""

from collections.abc import Generator
from pathlib import Path

import pytest

from inference.generation import Decoded
from inference.jobs import Event, FinishReason, Job, Piece, Sampling
from inference.kv_cache import CachedTokens
from inference.models.load import LoadedModel
from inference.models.tokenizer import Tokenizer
from inference.prefill_chunks import Chunks, ChunkSizes
from inference.residents import Resident
from inference.run import Run
from inference.sampling import make_chooser
from inference.text_stream import TextStream
from tests.tiny_model import CONTROL_TOKENS, END_ID, byte_tokenizer

TOKENIZER = Tokenizer(byte_tokenizer([*CONTROL_TOKENS, "<think>"]))
THINK_ID = 256 + len(CONTROL_TOKENS)


def told(tokens: list[int], visible_ids: frozenset[int]) -> tuple[list[Event], FinishReason | None]:
    """Give what comes of `tokens`, one a step, and why it ends."""
    events: list[Event] = []
    loaded = LoadedModel("m", None, TOKENIZER, "qwen", False, 512, frozenset({END_ID}), "float32", Path())
    job = Job("m", "/", [1], 99, events.append, 0.0, stop_ids=loaded.eos_ids, visible_ids=visible_ids)

    def steps() -> Generator[tuple[Decoded, ...], bool | None, None]:
        for token in tokens:
            yield (Decoded(token, None),)

    run = Run(
        job=job,
        resident=Resident(loaded, frozenset({"assistant"}), 512, ChunkSizes(64, 64), run_ahead=False),
        sequence=CachedTokens([1], []),
        choose=make_chooser(Sampling(), wants_logprob=False),
        steps=steps(),
        chunks=Chunks.of(64),
        drafter=None,
        move=None,
        text=TextStream(TOKENIZER.stream_decoder(), ()),
        n_cached=0,
        queue_s=0.0,
    )
    reasons = (run.step(lambda: 0.0, is_brief=False) for _ in tokens)
    return events, next((reason for reason in reasons if reason is not None), None)


@pytest.mark.parametrize(
    ("visible_ids", "texts", "reason"),
    [
        (frozenset(), ["a"], FinishReason.STOP),
        (frozenset({THINK_ID}), ["a", "<think>", "b"], FinishReason.STOP),
        (frozenset({END_ID, THINK_ID}), ["a", "<think>", "b"], FinishReason.STOP),  # what ends an answer ends it
    ],
)
def test_control_tokens_end_an_answer_unless_they_are_to_be_shown(
    visible_ids: frozenset[int], texts: list[str], reason: FinishReason
) -> None:
    tokens = [ord("a"), THINK_ID, ord("b"), END_ID, ord("c")]
    assert told(tokens, visible_ids) == ([Piece(text) for text in texts], reason)


def test_pieces_count_the_tokens_that_they_are_made_of() -> None:
    events, _ = told([*"é".encode(), ord("a")], frozenset())
    assert [(event.text, event.n_tokens) for event in events if isinstance(event, Piece)] == [("é", 2), ("a", 1)]
