"""The faster forms for the CPU against the stock operations, each within the tolerance that it promises."""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest

from inference.cpu_ops import causal_attention, exp2, gated, gated_delta, project, swiglu


def largest(values: mx.array) -> float:
    """Give the largest absolute value."""
    return float(np.abs(np.array(values)).max())


def test_exp2_is_exact_to_3e_7() -> None:
    x = mx.concatenate([mx.linspace(-126, 126.9, 200_001), mx.arange(-126, 127).astype(mx.float32)])
    exact = np.exp2(np.array(x).astype(np.float64))

    assert np.abs(np.array(exp2(x)) / exact - 1).max() < 3e-7


def test_swiglu_equals_stock_and_stays_finite_far_out() -> None:
    gate = mx.concatenate([mx.linspace(-87, 87, 50_001), mx.array([-1e4, -200.0, -88.0, 0.0, 88.0, 200.0, 1e4])])
    up = mx.linspace(-3, 3, gate.size)

    difference = mx.abs(swiglu(gate, up) - nn.silu(gate) * up)

    assert mx.all(difference <= 1e-6 * mx.abs(gate * up) * mx.sigmoid(gate) + 1e-30).item()


def test_gated_equals_stock() -> None:
    gate = mx.linspace(-87, 87, 50_001)
    values = mx.linspace(3, -3, gate.size)

    difference = mx.abs(gated(values, gate) - values * mx.sigmoid(gate))

    assert mx.all(difference <= 1e-6 * mx.abs(values) * mx.sigmoid(gate) + 1e-30).item()


@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 32, 33, 129])
@pytest.mark.parametrize("n_out", [96, 97, 1024])
def test_project_equals_stock_for_any_number_of_rows(n_rows: int, n_out: int) -> None:
    mx.random.seed(n_rows)
    x, weight, bias = mx.random.normal((n_rows, 896)), mx.random.normal((n_out, 896)), mx.random.normal((n_out,))

    # Of sums of 896 products near 1.
    assert largest(project(x, weight) - x @ weight.T) < 2e-4
    assert largest(project(x[None], weight, bias) - (x @ weight.T + bias)) < 2e-4


@pytest.mark.parametrize(("n_tokens", "n_keys"), [(1, 1), (1, 300), (2, 2), (5, 300), (64, 64), (65, 200), (200, 200)])
@pytest.mark.parametrize("batch", [1, 3])
def test_causal_attention_equals_stock(n_tokens: int, n_keys: int, batch: int) -> None:
    mx.random.seed(n_tokens)
    queries = 4 * mx.random.normal((batch, 6, n_tokens, 32))
    keys, values = mx.random.normal((batch, 2, n_keys, 32)), mx.random.normal((batch, 2, n_keys, 32))

    stock = mx.fast.scaled_dot_product_attention(queries, keys, values, scale=0.2, mask="causal")

    assert largest(causal_attention(queries, keys, values, 0.2) - stock) < 2e-6 * largest(values)


def test_causal_attention_stands_scores_that_would_overflow() -> None:
    queries = mx.array([500.0, -500.0]).reshape(1, 1, 2, 1) * mx.ones((1, 1, 2, 8))
    keys = values = mx.linspace(-3, 3, 40 * 8).reshape(1, 1, 40, 8)

    stock = mx.fast.scaled_dot_product_attention(queries, keys, values, scale=1.0, mask="causal")

    assert largest(causal_attention(queries, keys, values, 1.0) - stock) < 1e-5


@pytest.mark.parametrize("n_tokens", [1, 2, 5, 63, 64, 65, 200])
@pytest.mark.parametrize("kind", ["any", "alike", "opposite", "forgets all", "forgets nothing"])
def test_gated_delta_equals_token_by_token(n_tokens: int, kind: str) -> None:
    mx.random.seed(n_tokens)
    queries, keys = (mx.random.normal((2, n_tokens, 3, 32)) for _ in range(2))
    if kind in ("alike", "opposite"):
        keys = keys[:, :1] + 0.01 * keys
    if kind == "opposite":
        keys = keys * mx.where(mx.arange(n_tokens) % 2 == 0, 1.0, -1.0)[:, None, None]
    queries, keys = (each / mx.linalg.norm(each, axis=-1, keepdims=True) for each in (queries, keys))
    values = mx.random.normal((2, n_tokens, 6, 16))
    beta = mx.random.uniform(0, 1, (2, n_tokens, 6)) if kind == "any" else mx.ones((2, n_tokens, 6))
    log_decay = -(mx.random.uniform(0, 1, (2, n_tokens, 6)) ** 4) * (300.0 if kind == "forgets all" else 1.0)
    log_decay = log_decay * (kind != "forgets nothing")
    state = mx.random.normal((2, 6, 16, 32))

    stock, stock_state = mx.fast.gated_delta_update(queries, keys, values, mx.exp(log_decay), beta, state)
    mixed, new_state = gated_delta(queries, keys, values, log_decay, beta, state)

    assert largest(mixed - stock) < 1e-5
    assert largest(new_state - stock_state) < 1e-5
