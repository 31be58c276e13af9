"""What one answer says, and that it is counted right."""

from inference.jobs import FinishReason, Piece
from inference.scheduler import Priority
from tests.tiny_model import END_ID
from tests.unit.engine.harness import StartEngine


def test_an_answer_ends_at_max_tokens_and_is_the_same_again(start: StartEngine) -> None:
    bench = start()
    client = bench.client()
    client.ask("x" * 40)
    text, end = client.finished()
    assert end.reason is FinishReason.LENGTH
    assert (end.n_prompt, end.n_cached, end.n_decoded, len(text)) == (40, 0, 12, 12)
    client.ask("x" * 40)
    again, end = client.finished()
    assert again == text
    assert end.n_cached == 39


def test_an_answer_given_before_is_guessed_and_counted_right(start: StartEngine) -> None:
    bench = start()
    client = bench.client()
    client.ask("x" * 40, 30)
    text, first = client.finished()
    n_steps = len(bench.gate.first_fed)
    client.ask("x" * 40, 30)
    again, end = client.finished()
    assert again == text
    assert len(bench.gate.first_fed) - n_steps < 15
    assert end.n_decoded == 30
    assert 0 < end.n_accepted <= end.n_drafted
    counted = bench.metrics.render({})
    assert "hearthline_decoded_tokens_total 60\n" in counted
    assert f"hearthline_drafted_tokens_total {first.n_drafted + end.n_drafted}\n" in counted
    assert f"hearthline_accepted_tokens_total {first.n_accepted + end.n_accepted}\n" in counted


def test_an_answer_that_ends_within_a_step_drops_the_rest_of_it(start: StartEngine) -> None:
    bench = start()
    client = bench.client()
    client.ask("x" * 40, 30)
    whole, _ = client.finished()
    for stop in (whole[20], whole[21:24]):
        ids = frozenset(stop.encode()) if len(stop) == 1 else frozenset()
        client.ask("x" * 40, 30, stop_ids=ids, stop_strings=() if ids else (stop,))
        text, end = client.finished()
        assert text == whole[: whole.index(stop)]
        assert end.n_decoded == len(text) + len(stop)
        assert end.n_accepted > 0
    client.ask("x" * 40 + whole, 30)
    assert client.finished()[1].n_cached >= 40, "what was computed before the end was lost"


def test_without_an_answer_the_prompt_alone_is_computed_for_a_later_one(start: StartEngine) -> None:
    bench = start()
    client = bench.client()
    client.ask("x" * 40, 0)
    text, end = client.finished()
    assert (text, end.reason, end.n_prompt, end.n_decoded) == ("", FinishReason.LENGTH, 40, 0)
    assert "hearthline_decoded_tokens_total 0\n" in bench.metrics.render({})
    client.ask("x" * 40 + "y", 3)
    text, end = client.finished()
    assert (len(text), end.n_cached) == (3, 40)
    assert client.events.empty()


def test_the_text_behind_the_cursor_is_moved_for_who_types_and_exact_for_others(start: StartEngine) -> None:
    bench = start()
    client = bench.client()
    before, behind = "def f(x):\n    return ", "|" + "".join(chr(ord("0") + index) for index in range(50)) + "|"
    client.ask(before + behind, goes_on_at=len(before), priority=Priority.INTERACTIVE)
    client.finished()
    typed = before + "x"
    client.ask(typed + behind, goes_on_at=len(typed), priority=Priority.INTERACTIVE)
    assert client.finished()[1].n_cached == len(before) + 50
    client.ask(typed + behind, goes_on_at=len(typed))
    exact, end = client.finished()
    assert end.n_cached == len(typed) + 1
    fresh = start().client()
    fresh.ask(typed + behind, goes_on_at=len(typed))
    assert fresh.finished()[0] == exact


def test_logprobs_come_when_asked_for(start: StartEngine) -> None:
    client = start().client()
    client.ask(max_tokens=1, wants_logprobs=True)
    piece = client.first()
    assert isinstance(piece, Piece)
    assert piece.logprob is not None
    assert piece.logprob < 0
    client.rest()
    client.ask(max_tokens=1)
    assert client.first() == Piece(piece.text, None)


def test_stop_strings_end_the_answer_and_are_not_in_it(start: StartEngine) -> None:
    client = start().client()
    client.ask(max_tokens=20)
    whole, _ = client.finished()
    stop = whole[6:9]
    client.ask(max_tokens=20, stop_strings=(stop,))
    text, end = client.finished()
    assert text == whole[: whole.index(stop)]
    assert end.reason is FinishReason.STOP


def test_stop_tokens_end_the_answer_and_are_not_in_it(start: StartEngine) -> None:
    client = start().client()
    client.ask(max_tokens=20)
    whole, _ = client.finished()
    client.ask(max_tokens=20, stop_ids=frozenset({END_ID, ord(whole[5])}))
    text, end = client.finished()
    assert text == whole[: whole.index(whole[5])]
    assert end.reason is FinishReason.STOP


def test_the_context_is_never_exceeded(start: StartEngine) -> None:
    client = start(n_context=20).client()
    client.ask("x" * 17, max_tokens=100)
    text, end = client.finished()
    assert end.reason is FinishReason.LENGTH
    assert len(text) == 3


def test_metrics_count_what_happened(start: StartEngine) -> None:
    bench = start()
    client = bench.client()
    for _ in range(2):
        client.ask("x" * 30, 5)
        client.finished()
    text = bench.metrics.render({"hearthline_active": 0})
    assert 'hearthline_requests_total{endpoint="/v1/completions",finish_reason="length"} 2\n' in text
    assert "hearthline_prompt_tokens_total 60\n" in text
    assert "hearthline_cached_tokens_total 29\n" in text
    assert "hearthline_prompt_cache_hits_total 1\n" in text
    assert "hearthline_decoded_tokens_total 10\n" in text
    assert "hearthline_active 0\n" in text
    assert bench.engine.prompt_cache_bytes > 0
