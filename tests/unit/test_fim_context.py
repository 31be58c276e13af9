"""What the model is asked: a window that stays in place, and costs what the budget costs."""

import time

from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion.fim_context import Budget, budget_of, fim_context
from lsp_server.document import Change, Document, DocumentSnapshot, EncodedRange, Position

BUDGET = Budget(prefix_chars=400, suffix_chars=60)


def snapshot_of(text: str) -> DocumentSnapshot:
    return Document("file:///a.py", text, version=1).snapshot()


def test_a_small_document_is_given_whole() -> None:
    context = fim_context(snapshot_of("a = 1\r\nb = \r\nc = 3\r\n"), Position(1, 4), BUDGET)
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
        context = fim_context(document.snapshot(), at, BUDGET, start)
        assert len(context.prefix) <= BUDGET.prefix_chars
        if start is None or context.start != start:
            fronts.append(context.start)
        start = context.start
    assert len(fronts) <= 5
    assert all(front.column == 0 for front in fronts)


def test_a_jump_moves_the_window() -> None:
    snapshot = snapshot_of("x" * 20 + "\n" + "line = 1\n" * 500)
    far = fim_context(snapshot, Position(450, 0), BUDGET)
    near = fim_context(snapshot, Position(460, 0), BUDGET, far.start)
    up = fim_context(snapshot, Position(200, 0), BUDGET, far.start)
    assert near.start == far.start
    assert up.start.line < 200
    assert fim_context(snapshot, Position(1, 0), BUDGET, up.start).start == Position(0, 0)


def test_the_suffix_ends_with_a_line() -> None:
    context = fim_context(snapshot_of("a\n" + "b = 1234567\n" * 50), Position(1, 2), BUDGET)
    assert context.suffix == "= 1234567\n" + "b = 1234567\n" * 4


def test_a_long_line_is_cut_and_costs_no_more() -> None:
    snapshot = snapshot_of("x" * (1 << 20) + "\nend\n")
    started = time.perf_counter()
    context = fim_context(snapshot, Position(0, 1 << 19), BUDGET)
    again = fim_context(snapshot, Position(0, (1 << 19) + 9), BUDGET, context.start)
    assert time.perf_counter() - started < 0.05
    assert again.prefix.startswith(context.prefix)
    assert len(context.suffix) == BUDGET.suffix_chars


def test_a_large_document_costs_no_more() -> None:
    snapshot = snapshot_of("line = 1\n" * 50_000)
    started = time.perf_counter()
    fim_context(snapshot, Position(25_000, 3), BUDGET)
    assert time.perf_counter() - started < 0.05


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
    context = fim_context(snapshot, Position(line, column), BUDGET, Position(*last) if last else None)
    assert text[:offset].endswith(context.prefix)
    assert text[offset:].startswith(context.suffix)
    assert len(context.prefix) <= BUDGET.prefix_chars
    assert len(context.suffix) <= BUDGET.suffix_chars


def test_budgets_follow_the_speed_in_steps() -> None:
    slow, fast, unknown = budget_of(100.0, 32768), budget_of(8000.0, 32768), budget_of(None, 0)
    assert slow == budget_of(60.0, 32768) == budget_of(200.0, 32768)
    assert slow.prefix_chars < budget_of(900.0, 32768).prefix_chars < fast.prefix_chars
    assert fast == unknown
    assert budget_of(8000.0, 1024).prefix_chars < 2000
