"""Operations of a language model in forms that MLX and a BLAS run fast on a CPU: public MLX operations throughout.

Owns the mathematics; `cpu_model` owns where it is used. Invariant: each equals the stock operation within the tolerance
that its docstring states. Everything is float32. Gains are those of the whole 0.5B coder on two quiet
cores with MKL, medians of alternating runs, good to about 3 %: of SwiGLU and attention beside all the other forms, of
the rest alone against stock.
"""

import mlx.core as mx

# Rows up to which the BLAS computes `x @ W.T` about as fast as it reads W. It takes twice as long from the next on.
MAX_FEW_ROWS = 3
# Rows that are multiplied so many at a time: where that beat both other forms on a quiet machine. Filling other numbers
# up to a multiple was not shown to pay, and a busy machine slows many small products more than one large.
_GROUPS = {4: 2, 6: 3, 8: 4, 9: 3}
_MAX_ROWS_TRANSPOSED = 32
_GROUP_WEIGHT_BYTES = 2**20
# A block of queries has at most so many scores at a time: they stay in a core's second-level cache.
_MAX_BLOCK_SCORES = 2**18
# Tokens of one block of the delta rule: the triangular matrix grows with their square, the number of blocks shrinks.
_DELTA_BLOCK_TOKENS = 64
# What has decayed further counts as if it had not, which is nothing in float32. Products of smaller numbers would be
# denormal, and those made a block take 510 ms in place of 4.
_LEAST_DECAY = -60.0
_LOG2_E = 1.4426950408889634
# Adding it to a float32 of size below 2**21 rounds to an integer, which then stands in the low bits of the sum.
_ROUNDER = 1.5 * 2.0**23
# 2**f for f in [-0.5, 0.5], constant term first: least largest relative error 7.5e-8.
_EXP2 = (
    1.0000000716546547,
    0.6931469670638644,
    0.24022119723933866,
    0.05550713274960701,
    0.009675541330685163,
    0.001327647151972771,
)


def exp2(x: mx.array) -> mx.array:
    """Compute 2**x for x in [-126, 127], within 3e-7 relatively. Outside, the result has no meaning.

    3 to 4 ns an element, where `mx.exp` takes 13.
    """
    whole = x + _ROUNDER
    fraction = x - (whole - _ROUNDER)
    power = _EXP2[5] * fraction + _EXP2[4]
    for coefficient in _EXP2[3::-1]:
        power = power * fraction + coefficient
    # The integer, moved into the place of the exponent, multiplies by its power of two.
    return (power.view(mx.int32) + mx.left_shift(whole.view(mx.int32), mx.array(23))).view(mx.float32)


def swiglu(gate: mx.array, up: mx.array) -> mx.array:
    """Compute silu(gate) * up, within 1e-6 relatively where |gate| < 87 and 1e-36 * |gate * up| beyond.

    A chunk of 64 tokens: 402 -> 339 ms at the start of a prompt, 625 -> 586 ms behind 960 tokens. Of three
    it is 2 to 4 % slower: 13 small operations in place of one.
    """
    return gated(gate * up, gate)


def gated(values: mx.array, gate: mx.array) -> mx.array:
    """Compute values * sigmoid(gate), within 1e-6 relatively where |gate| < 87 and 1e-36 * |values| beyond."""
    return values / (exp2(mx.clip(gate * -_LOG2_E, -126.0, 126.0)) + 1.0)


def project(x: mx.array, weight: mx.array, bias: mx.array | None = None) -> mx.array:
    """Compute x @ weight.T + bias, within the rounding of another order of summation.

    x: float[..., K]; weight: float[N, K]; bias: float[N].
    4 tokens after 256 take 0.76 of the stock form's time, 6: 0.79, 9: 0.78, 12: 0.80, 16: 0.79, 32: 0.89, 64: the same.
    8 take 0.93 of what they took in one product.
    """
    n_out, n_in = weight.shape
    n_rows = x.size // n_in
    if n_rows <= MAX_FEW_ROWS or n_rows > _MAX_ROWS_TRANSPOSED:
        return x @ weight.T if bias is None else mx.addmm(bias, x, weight.T)
    rows = x.reshape(n_rows, n_in)
    block_rows = _block_rows(n_out, _GROUP_WEIGHT_BYTES // (4 * n_in))
    if n_rows in _GROUPS and block_rows is not None:
        product = _project_in_groups(rows, weight, _GROUPS[n_rows], block_rows)
    else:
        product = (weight @ rows.T).T
    product = product.reshape(*x.shape[:-1], n_out)
    return product if bias is None else product + bias


def _project_in_groups(rows: mx.array, weight: mx.array, group: int, block_rows: int) -> mx.array:
    """Multiply `group` rows at a time with blocks of `weight` that stay in the cache for the next group."""
    n_rows, n_in = rows.shape
    n_out = weight.shape[0]
    groups = rows.reshape(1, n_rows // group, group, n_in)
    blocks = weight.reshape(n_out // block_rows, 1, block_rows, n_in)
    return (groups @ blocks.swapaxes(-1, -2)).transpose(1, 2, 0, 3).reshape(n_rows, n_out)


def _block_rows(n_out: int, most: int) -> int | None:
    """Find the largest divisor of `n_out` up to `most`, unless that is far less than it might be."""
    most = min(most, n_out)
    return next((n for n in range(most, most // 4, -1) if n_out % n == 0), None)


def causal_attention(queries: mx.array, keys: mx.array, values: mx.array, scale: float) -> mx.array:
    """Attend, the last query to all keys, each one before to one key fewer. Within 2e-6 * max|values|.

    queries: float[B, H, T, D]; keys, values: float[B, H_kv, S, D], H a multiple of H_kv, S >= T.
    A chunk of 64 tokens behind 960: 677 -> 586 ms, of 256 behind 768: 2,658 -> 1,997 ms; at the start of a prompt
    2 %. A single query is 4 % slower than stock.
    """
    batch, n_heads, n_tokens, head_dim = queries.shape
    n_kv_heads, n_keys = keys.shape[1], keys.shape[2]
    n_shared = n_heads // n_kv_heads
    queries = (queries * (scale * _LOG2_E)).reshape(batch, n_kv_heads, n_shared, n_tokens, head_dim)
    n_block = max(16, min(64, _MAX_BLOCK_SCORES // (batch * n_heads * n_keys)))
    blocks = []
    for start in range(0, n_tokens, n_block):
        end = min(start + n_block, n_tokens)
        n_seen = n_keys - n_tokens + end
        rows = queries[..., start:end, :].reshape(batch, n_kv_heads, n_shared * (end - start), head_dim)
        block = _attend(rows, keys[:, :, :n_seen], values[:, :, :n_seen], end - start)
        blocks.append(block.reshape(batch, n_heads, end - start, head_dim))
    return blocks[0] if len(blocks) == 1 else mx.concatenate(blocks, axis=2)


def _attend(rows: mx.array, keys: mx.array, values: mx.array, n_tokens: int) -> mx.array:
    """Attend with blocks of the last `n_tokens` queries of each head, stacked. rows: in units of log2."""
    scores = rows @ keys.swapaxes(-1, -2)
    if n_tokens > 1:
        batch, n_kv_heads, n_rows, n_keys = scores.shape
        scores = scores.reshape(batch, n_kv_heads, n_rows // n_tokens, n_tokens, n_keys)
        scores[..., n_keys - n_tokens :] += mx.triu(mx.full((n_tokens, n_tokens), -1e30), k=1)
        scores = scores.reshape(batch, n_kv_heads, n_rows, n_keys)
    # Whole, so that the rounding inside exp2 is exact; a score of -126 under the largest no longer counts in float32.
    top = mx.ceil(scores.max(axis=-1, keepdims=True))
    weights = exp2(mx.maximum(scores - top, -126.0))
    return (weights @ values) / (weights @ mx.ones((keys.shape[2], 1)))


def gated_delta(
    queries: mx.array, keys: mx.array, values: mx.array, log_decay: mx.array, beta: mx.array, state: mx.array
) -> tuple[mx.array, mx.array]:
    """Run the gated delta rule over T tokens: S = g S + beta (v - g S k) k', y = S q. Returns y and the last S.

    queries, keys: float[B, T, H_k, D_k], lengths of keys at most 1; values: float[B, T, H, D_v], H a multiple of H_k;
    log_decay: log(g) and beta: float[B, T, H]; state: float[B, H, D_v, D_k]. Within 1e-5 of token by token.
    A block of 64 tokens is a few products of matrices (Yang et al., Gated Delta Networks, 2024, section 3.3): 16 heads
    of 128 take 12 ms in place of 71 token by token, 4 tokens 0.7 ms in place of 2.5, and one token the same. Where
    other processes take every core, its many small products wait for one another, and that gain may be lost.
    """
    n_shared = values.shape[2] // keys.shape[2]
    queries, keys = (mx.repeat(each.transpose(0, 2, 1, 3), n_shared, axis=1) for each in (queries, keys))
    values, beta = values.transpose(0, 2, 1, 3), beta.transpose(0, 2, 1)[..., None]
    log_decay = (log_decay * _LOG2_E).transpose(0, 2, 1)
    mixed = []
    for start in range(0, values.shape[2], _DELTA_BLOCK_TOKENS):
        block = (..., slice(start, start + _DELTA_BLOCK_TOKENS), slice(None))
        decay = log_decay[..., start : start + _DELTA_BLOCK_TOKENS]
        block_mixed, state = _delta_block(queries[block], keys[block], values[block], decay, beta[block], state)
        mixed.append(block_mixed)
    return mx.concatenate(mixed, axis=2).transpose(0, 2, 1, 3), state


def _delta_block(
    queries: mx.array, keys: mx.array, values: mx.array, log2_decay: mx.array, beta: mx.array, state: mx.array
) -> tuple[mx.array, mx.array]:
    """Run one block. All float[B, H, T, ...].

    Token t writes u[t] k[t]' to the state, where u depends on those before it by a triangular matrix.
    """
    n_tokens = values.shape[2]
    # Of what token i writes, what is left at token t. By sums of their own: differences of large ones are not exact.
    sums = mx.tril(mx.broadcast_to(log2_decay[..., None], (*log2_decay.shape, n_tokens)), -1).cumsum(axis=-2)
    left = mx.tril(exp2(mx.maximum(sums, _LEAST_DECAY)))
    left_of_state = exp2(mx.maximum(log2_decay.cumsum(axis=-1), _LEAST_DECAY))[..., None]
    # Both at once: a busy machine slows many small products.
    both = mx.concatenate([keys, queries], axis=2)
    keys_seen, keys_asked = mx.split(both @ keys.swapaxes(-1, -2), 2, axis=2)
    state_seen, state_asked = mx.split(both @ state.swapaxes(-1, -2), 2, axis=2)
    depends = mx.eye(n_tokens) + mx.tril(left * keys_seen * beta, -1)
    written = mx.linalg.tri_inv(depends, stream=mx.cpu) @ (beta * (values - left_of_state * state_seen))
    mixed = left_of_state * state_asked + (left * keys_asked) @ written
    added = (written * left[..., -1, :, None]).swapaxes(-1, -2) @ keys
    return mixed, left_of_state[..., -1:, :] * state + added
