"""The bench of explanations: what it explains, what it takes for a claim, what it finds to be there."""

import pytest

from lsp_server.context.subject import subject_at
from tests.bench.explain import Explained, Sample, claims_of, is_in, read_samples, report_explained
from tests.bench.report import Report

TEXT = """\
# `area`

[a.py:1](file:///a.py#L1)

Returns the [`n`](file:///a.py#L1) squared.

## Inputs and outputs

`def area(n):`

- `n`: a number.

## Steps

1. [line 2](file:///a.py#L2) `if n < 0:`: Returns nothing.
2. [line 4](file:///a.py#L4) `return n * n`

## Risks

*Nothing that the model said about this held against the code.*
"""


@pytest.mark.parametrize("sample", read_samples(), ids=lambda sample: sample.name)
def test_a_function_of_each_kind_is_found(sample: Sample) -> None:
    language_id = {"py": "python", "js": "javascript", "ts": "typescript"}[sample.file.rpartition(".")[2]]
    subject = subject_at(language_id, sample.text, sample.line, sample.line)
    assert subject is not None
    assert subject.name == sample.name


def test_what_was_said_once_and_whole_is_a_claim() -> None:
    said = {"question": "...", "answer": "The function returns `n`. It is. It is. And half", "is_whole": False}
    assert claims_of(said) == ["Returns `n`.", "It is."]
    bullets = {"question": "one short bullet", "answer": "Here:\n- `n`: a number.\n- More", "is_whole": True}
    assert claims_of(bullets) == ["`n`: a number.", "More"]
    assert is_in("Returns the `n` squared.", TEXT)
    assert not is_in("Returns the `m` squared.", TEXT)


def test_what_is_there_is_counted() -> None:
    report = Report("explain", {})
    explained = Explained("area", TEXT, 1.0, 2.0, 40, 5, ("Invented.",))
    report_explained(report, [explained])
    assert report.figures == {
        "n_functions": 1,
        "first_sentence_s_median": 1.0,
        "first_sentence_s_max": 1.0,
        "end_s_median": 2.0,
        "end_s_max": 2.0,
        "tokens_median": 40,
        "claims": 5,
        "claims_dropped_pct": 20.0,
        "purpose_there_pct": 100.0,
        "inputs_there_pct": 100.0,
        "steps_there_pct": 50.0,
        "risks_there_pct": 0.0,
    }
