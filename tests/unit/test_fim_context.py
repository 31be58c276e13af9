"""What the model is asked: a window that stays in place, and costs what the budget costs."""

import time

from hypothesis import given
from hypothesis import strategies as st

from inference.suffix_reuse import MIN_TOKENS
from lsp_server.completion.fim_context import (
    CHARS_PER_TOKEN,
    Budget,
    FimContext,
    budget_of,
    fim_context,
    serves,
    window_start,
)
from lsp_server.document import Change, Document, DocumentSnapshot, EncodedRange, Position

BUDGET = Budget(
    prefix_chars=400, suffix_chars=60, snippet_chars=0, cold_chars=400, key_chars=400, patient_suffix_chars=60
)


def snapshot_of(text: str) -> DocumentSnapshot:
    return Document("file:///a.py", text, version=1).snapshot()


def context_at(snapshot: DocumentSnapshot, position: Position, start: Position | None = None) -> FimContext:
    """Return the context at `position`, in the window from `start` on where that still serves."""
    if start is None or not serves(start, snapshot, position, BUDGET.prefix_chars):
        start = window_start(snapshot, position, BUDGET.prefix_chars)
    return fim_context(snapshot, position, BUDGET, start)


def test_a_small_document_is_given_whole() -> None:
    context = context_at(snapshot_of("a = 1\r\nb = \r\nc = 3\r\n"), Position(1, 4))
    assert (context.prefix, context.suffix) == ("a = 1\nb = ", "\nc = 3\n")


def test_the_front_stays_in_place_while_one_types() -> None:
    document = Document("file:///a.py", "".join(f"line_{i} = {i}\n" for i in range(200)), version=1)
    start, fronts = None, []
    for n_typed in range(600):
        line, column = divmod(n_typed, 30)
        text = "\n" if column == 29 else "x"
        change = Change(text, EncodedRange(100 + line, column, 100 + line, column))
        document.apply([change], n_typed + 2)
        at = Position(101 + line, 0) if text == "\n" else Position(100 + line, column + 1)
        context = context_at(document.snapshot(), at, start)
        assert len(context.prefix) <= BUDGET.prefix_chars
        if start is None or context.start != start:
            fronts.append(context.start)
        start = context.start
    assert len(fronts) <= 5
    assert all(front.column == 0 for front in fronts)


def test_a_jump_moves_the_window() -> None:
    snapshot = snapshot_of("x" * 20 + "\n" + "line = 1\n" * 500)
    far = context_at(snapshot, Position(450, 0))
    near = context_at(snapshot, Position(460, 0), far.start)
    up = context_at(snapshot, Position(200, 0), far.start)
    assert near.start == far.start
    assert up.start.line < 200
    assert context_at(snapshot, Position(1, 0), up.start).start == Position(0, 0)


def test_the_suffix_ends_with_a_line() -> None:
    context = context_at(snapshot_of("a\n" + "b = 1234567\n" * 50), Position(1, 2))
    assert context.suffix == "= 1234567\n" + "b = 1234567\n" * 4


def test_a_long_line_is_cut_and_costs_no_more() -> None:
    snapshot = snapshot_of("x" * (1 << 20) + "\nend\n")
    started = time.process_time()
    context = context_at(snapshot, Position(0, 1 << 19))
    again = context_at(snapshot, Position(0, (1 << 19) + 9), context.start)
    assert time.process_time() - started < 0.05
    assert again.prefix.startswith(context.prefix)
    assert len(context.suffix) == BUDGET.suffix_chars


def test_a_large_document_costs_no_more() -> None:
    snapshot = snapshot_of("line = 1\n" * 50_000)
    started = time.process_time()
    context_at(snapshot, Position(25_000, 3))
    assert time.process_time() - started < 0.05


@given(
    st.lists(st.text("ab\n", max_size=40), max_size=30),
    st.data(),
    st.none() | st.tuples(st.integers(0, 40), st.integers(0, 40)),
)
def test_prefix_and_suffix_are_what_stands_around_the_cursor(
    texts: list[str], data: st.DataObject, last: tuple[int, int] | None
) -> None:
    text = "\n".join(texts)
    snapshot = snapshot_of(text)
    line = data.draw(st.integers(0, len(snapshot.lines) - 1))
    column = data.draw(st.integers(0, len(snapshot.lines[line].rstrip("\n"))))
    offset = sum(map(len, snapshot.lines[:line])) + column
    context = context_at(snapshot, Position(line, column), Position(*last) if last else None)
    assert text[:offset].endswith(context.prefix)
    assert text[offset:].startswith(context.suffix)
    assert len(context.prefix) <= BUDGET.prefix_chars
    assert len(context.suffix) <= BUDGET.suffix_chars


def test_budgets_follow_the_speed_in_steps() -> None:
    slow, fast, unknown = budget_of(170.0, 32768), budget_of(8000.0, 32768), budget_of(None, 0)
    assert slow == budget_of(150.0, 32768) == budget_of(280.0, 32768)
    assert slow.prefix_chars < budget_of(900.0, 32768).prefix_chars < fast.prefix_chars
    assert fast.prefix_chars == unknown.prefix_chars == int(4096 * CHARS_PER_TOKEN)
    assert budget_of(8000.0, 1024).prefix_chars < 1200


def test_a_keystroke_leaves_what_is_read_in_time() -> None:
    for speed in (100.0, 200.0, 800.0, 8000.0):
        budget = budget_of(speed, 32768)
        assert budget.key_chars / CHARS_PER_TOKEN <= 0.3 * speed
        assert budget.suffix_chars / CHARS_PER_TOKEN <= 0.5 * speed
        assert budget.cold_chars <= budget.prefix_chars


def test_a_suffix_is_long_enough_to_be_moved_along_and_longer_for_who_waits() -> None:
    assert budget_of(10.0, 32768).suffix_chars / CHARS_PER_TOKEN > MIN_TOKENS
    for speed in (50.0, 100.0, 200.0):
        assert budget_of(speed, 32768).patient_suffix_chars > 3 * budget_of(speed, 32768).suffix_chars


@given(st.floats(1, 1e5), st.floats(1, 1e5), st.integers(256, 200_000))
def test_a_faster_machine_is_never_given_less(one: float, other: float, n_context: int) -> None:
    slower, faster = sorted((one, other))
    less, more = budget_of(slower, n_context), budget_of(faster, n_context)
    pairs = [(getattr(less, name), getattr(more, name)) for name in Budget.__slots__]
    assert all(few <= many for few, many in pairs)
    assert (more.prefix_chars + more.suffix_chars + more.snippet_chars) / CHARS_PER_TOKEN < n_context
