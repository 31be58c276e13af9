"""Which models are asked for verdicts. Pure data; `python -m tests.bench review --model NAME` measures one.

A model that lowers right findings as often as false ones makes the review worse, and costs energy. The catalogue's
small models are not asked: of 40 answers of the 0.5B coder 40 were void, of 24 of the 1.5B 22, since they quote what is
not in the code, and what was left lowered one right finding and one false one. The 135M model was not measured.
"""

_NOT_ASKED = frozenset(
    {
        "smollm2-135m-instruct",
        "qwen2.5-coder-0.5b-instruct",
        "qwen2.5-coder-1.5b-instruct",
    }
)


def is_worth_asking(model: str) -> bool:
    """Tell whether `model` is asked for verdicts."""
    return model not in _NOT_ASKED
