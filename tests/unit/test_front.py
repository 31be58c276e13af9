"""What the prompts of a document begin with: the same from key to key, and never dearer than a keystroke grants."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion import front
from lsp_server.completion.fim_context import Budget, budget_of, fim_context, serves
from lsp_server.completion.front import Front, Fronts
from lsp_server.completion.snippets import Snippet
from lsp_server.document import Change, Document, DocumentSnapshot, EncodedRange, Position

SLOW, FAST = budget_of(170.0, 32768), budget_of(None, 0)
SNIPPET = Snippet("definition:a", "a.py", "def a(x):\n    return x\n")
CLOSE = Snippet("definition:b", "b.py", "class B:\n    def c(self):\n", is_close=True)


def snapshot_of(n_lines: int) -> DocumentSnapshot:
    return Document("file:///a.py", "".join(f"line_{n} = {n}\n" for n in range(n_lines)), version=1).snapshot()


def follow(
    fronts: Fronts, snapshot: DocumentSnapshot, line: int, *found: Snippet, budget: Budget = SLOW, at_once: bool = False
) -> Fronts:
    return front.follow(fronts, snapshot, Position(line, 0), found, budget, at_once=at_once)


def test_a_place_nobody_computed_gets_a_short_window_while_the_whole_one_is_computed() -> None:
    snapshot = snapshot_of(2000)
    fronts = follow(Fronts(), snapshot, 1000, SNIPPET)
    assert fronts.used is not None
    assert fronts.wanted is not None
    assert fronts.used.snippets == ()
    assert fronts.wanted.snippets == (SNIPPET,)
    assert fronts.wanted.start < fronts.used.start < (1000, 0)
    computed = front.computed(fronts, fronts.wanted)
    assert computed.used == fronts.wanted
    assert follow(computed, snapshot, 1001, SNIPPET) == computed


def test_a_new_snippet_waits_until_it_is_computed() -> None:
    snapshot = snapshot_of(2000)
    first = follow(Fronts(), snapshot, 1000, SNIPPET).wanted
    fronts = follow(Fronts(first, first, Position(1000, 0)), snapshot, 1002, CLOSE, SNIPPET)
    assert fronts.used == first
    assert fronts.wanted is not None
    assert fronts.wanted.snippets == (SNIPPET, CLOSE)


def test_who_waits_for_all_gets_all() -> None:
    fronts = follow(Fronts(), snapshot_of(2000), 1000, SNIPPET, at_once=True)
    assert fronts.used == fronts.wanted
    assert fronts.used is not None
    assert fronts.used.snippets == (SNIPPET,)


def test_what_is_cheap_is_used_at_once() -> None:
    assert follow(Fronts(), snapshot_of(3), 2, budget=SLOW).used == Front()
    fast = follow(Fronts(), snapshot_of(300), 250, SNIPPET, budget=FAST)
    assert fast.used == fast.wanted


def test_a_jump_keeps_the_snippets() -> None:
    snapshot = snapshot_of(2000)
    first = follow(Fronts(), snapshot, 1000, SNIPPET).wanted
    jumped = follow(Fronts(first, first, Position(1000, 0)), snapshot, 100)
    assert jumped.used is not None
    assert jumped.used.snippets == (SNIPPET,)
    assert jumped.used.start < (100, 0)


def test_the_next_window_is_computed_before_this_one_is_full() -> None:
    document = Document("file:///a.py", "".join(f"line_{n} = {n}\n" for n in range(400)), version=1)
    fronts = Fronts()
    n_cold = 0
    for line in range(400, 800):
        document.apply([Change("x" * 14 + "\n", EncodedRange(line, 0, line, 0))], line)
        snapshot = document.snapshot()
        position = Position(line + 1, 0)
        before = fronts.used
        fronts = front.follow(fronts, snapshot, position, (), SLOW, at_once=False)
        if before is not None and not serves(before.start, snapshot, position, SLOW.prefix_chars):
            n_cold += 1
        assert fronts.wanted is not None
        fronts = front.computed(fronts, fronts.wanted)
    assert n_cold == 0


def test_the_prompt_stays_the_same_up_to_the_cursor_while_a_line_is_typed() -> None:
    document = Document("file:///a.py", "".join(f"line_{n} = {n}\n" for n in range(900)), version=1)
    line = 450
    document.apply([Change("\n", EncodedRange(line, 0, line, 0))], 2)
    fronts, prompts = Fronts(), []
    for column, character in enumerate("result = compute(values, other)[0].total"):
        document.apply([Change(character, EncodedRange(line, column, line, column))], 3 + column)
        position = Position(line, column + 1)
        fronts = front.follow(fronts, document.snapshot(), position, (SNIPPET, CLOSE), SLOW, at_once=False)
        if column == 0:
            assert fronts.wanted is not None
            fronts = front.computed(fronts, fronts.wanted)
        assert fronts.used is not None
        context = fim_context(document.snapshot(), position, SLOW, fronts.used.start)
        prompts.append("".join(snippet.text for snippet in fronts.used.snippets) + context.prefix)
    assert all(after[:-1] == before for before, after in pairwise(prompts))


found = st.lists(st.sampled_from([SNIPPET, CLOSE]), unique=True)


@given(
    st.lists(st.tuples(st.integers(0, 1999), found, st.booleans()), max_size=12), st.sampled_from([60.0, 170.0, 900.0])
)
def test_what_is_used_serves_and_costs_no_more_than_is_granted(
    steps: list[tuple[int, list[Snippet], bool]], speed: float
) -> None:
    snapshot, budget, fronts = snapshot_of(2000), budget_of(speed, 32768), Fronts()
    computed: set[tuple[Snippet, ...]] = {()}
    for line, snippets, is_computed in steps:
        fronts = follow(fronts, snapshot, line, *snippets, budget=budget)
        used = fronts.used
        assert used is not None
        assert fronts.wanted is not None
        assert used.start <= (line, 0)
        n_chars = len(fim_context(snapshot, Position(line, 0), budget, used.start).prefix)
        assert n_chars <= budget.prefix_chars
        is_cheap = n_chars + sum(snippet.n_chars for snippet in used.snippets) <= budget.key_chars
        assert used.snippets in computed or is_cheap
        if is_cheap:
            computed.add(used.snippets)
        if is_computed:
            computed.add(fronts.wanted.snippets)
            fronts = front.computed(fronts, fronts.wanted)


def test_what_was_computed_too_late_changes_nothing() -> None:
    snapshot = snapshot_of(2000)
    late = follow(Fronts(), snapshot, 100).wanted
    fronts = follow(Fronts(), snapshot, 1000, at_once=True)
    assert late is not None
    assert front.computed(fronts, late) == fronts
