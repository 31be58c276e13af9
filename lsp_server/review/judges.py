"""Which models are asked for verdicts. Pure data, from `python -m tests.bench review --model NAME`.

A model that lowers right findings as often as false ones makes the review worse, and costs energy; those measured so
are not asked. What was not measured is asked: larger models were the reason to have verdicts at all.
"""

_NOT_WORTH_ASKING = frozenset(
    {
        "smollm2-135m-instruct",
        "qwen2.5-coder-0.5b-instruct",
        "qwen2.5-coder-1.5b-instruct",
    }
)


def is_worth_asking(model: str) -> bool:
    """Tell whether verdicts of `model` make the review better, as far as is known."""
    return model not in _NOT_WORTH_ASKING
