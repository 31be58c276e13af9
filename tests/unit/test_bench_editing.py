"""Sessions that the typing bench plays: every key is one an editor would send, and together they make the file."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.bench.editing import type_changes

LINES = st.lists(st.sampled_from(["def f():\n", "    return 1\n", "\n", "x = 'é😀'\n", "    y = [\n"]), max_size=12)


@given(LINES, LINES, st.integers())
def test_the_keys_turn_one_version_into_the_next(before: list[str], after: list[str], seed: int) -> None:
    text = "".join(before)
    for key in type_changes(text, "".join(after), random.Random(seed)):
        assert 0 <= key.start <= key.end <= len(text)
        assert key.pause_s > 0
        text = text[: key.start] + key.text + text[key.end :]
    assert text == "".join(after)
