"""Which models are asked for verdicts. Pure data; `python -m tests.bench review --model NAME` measures one.

A model that lowers right findings as often as false ones makes the review worse, and costs energy. The catalogue's
small models are not asked: nothing shows that they beat the rules alone, and a verdict takes them a minute of a CPU.
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
