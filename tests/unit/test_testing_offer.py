"""What is said of tests that were tried."""

import pytest

from lsp_server.features.testing_offer import tally_words
from lsp_server.tests_for.suggestion import Tally


@pytest.mark.parametrize(
    ("tally", "words"),
    [
        (Tally(), "The model wrote no test for `f`."),
        (Tally(3, 3), "3 tests for `f` kept, of 3 tried (tests/test_a.py)."),
        (
            Tally(is_covered=True),
            "No test for `f` was asked for: the tests there are cover everything that was found.",
        ),
        (
            Tally(
                2, 0, dropped={"took too long": 2}, note="1 of the 4 tests there are did not pass, and did not count"
            ),
            "No test for `f` is worth keeping, of 2 tried; left out: 2 because they took too long; "
            "1 of the 4 tests there are did not pass, and did not count.",
        ),
        (
            Tally(4, 3, stated=2),
            "3 tests for `f` kept, of 4 tried; 2 of them state what the code does now: check the values, "
            "marked with a comment (tests/test_a.py).",
        ),
        (
            Tally(1, 1, stated=1),
            "1 test for `f` kept, of 1 tried; it states what the code does now: check the values, "
            "marked with a comment (tests/test_a.py).",
        ),
        (
            Tally(7, 1, 2, {"could not be run": 1, "claim what is not so": 3}),
            "1 test for `f` kept, of 7 tried; left out: 3 because they claim what is not so, "
            "1 because they could not be run; 2 disagree with the docstring (tests/test_a.py).",
        ),
        (
            Tally(2, 0, 1, {"took too long": 1}),
            "No test for `f` is worth keeping, of 2 tried; left out: 1 because they took too long; "
            "1 disagrees with the docstring.",
        ),
    ],
)
def test_tally_in_words(tally: Tally, words: str) -> None:
    assert tally_words(tally, "f", "tests/test_a.py") == words
