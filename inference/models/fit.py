"""Does a model fit? What it takes of memory, by its configuration, against what the device gives. Pure arithmetic.

Counted is what one request at the full context takes: weights, keys and values, recurrent states and the workspace of a
prefill chunk. Caches kept for later prompts are not: they give way (see `care`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference.kv_cache import MAX_CHECKPOINTS

# The states a sequence computes on, and those that are kept of it.
N_STATES = 1 + MAX_CHECKPOINTS
# The process without a model: interpreter, MLX, tokenizer and the activations of a chunk outside attention.
_PROCESS_BYTES = 200_000_000
_MIN_CONTEXT = 2048
_CONTEXT_STEP = 1024


@dataclass(frozen=True, slots=True)
class Execution:
    """How a device runs a model. item_bytes: of an activation, a key or a value; chunk_tokens: prefilled at once.

    expands_heads: attention makes keys and values for every query head, as `cpu_ops` does.
    """

    item_bytes: int
    chunk_tokens: int
    expands_heads: bool

    def attention_bytes(self, n_heads: int, head_dim: int) -> int:
        """Return what a chunk's attention takes for each token of the context before it, fused operations left out.

        Measured on a CPU, 64 tokens of a 9-headed model against 8,191: 22 MB by the stock operation (scores and an
        eighth), 117 MB by `cpu_ops`; computed so: 24 MB and 113 MB.
        """
        per_head = 4 * self.chunk_tokens + 2 * head_dim if self.expands_heads else 5 * self.chunk_tokens // 4
        return n_heads * per_head * self.item_bytes


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a model takes of memory, in bytes. n_context: the most tokens it can take.

    prefill_bytes_per_token: workspace of a prefill chunk, for every token of the context before it.
    state_bytes: the recurrent states of one place in a sequence, 0 for a model without.
    """

    name: str
    weight_bytes: int
    kv_bytes_per_token: int
    state_bytes: int
    prefill_bytes_per_token: int
    n_context: int

    def prefill_bytes(self, n_context: int) -> int:
        """Return what the last chunk of a full context takes beside all else."""
        return _PROCESS_BYTES + n_context * self.prefill_bytes_per_token

    def total_bytes(self, n_context: int) -> int:
        """Return what one request of `n_context` tokens takes, weights included."""
        kv_bytes = n_context * self.kv_bytes_per_token
        return self.weight_bytes + kv_bytes + N_STATES * self.state_bytes + self.prefill_bytes(n_context)

    def longest_context(self, available_bytes: int) -> int | None:
        """Return the longest context, in whole thousands, that fits; None where none worth having does."""
        left = available_bytes - self.total_bytes(0)
        n = min(left // (self.kv_bytes_per_token + self.prefill_bytes_per_token), self.n_context)
        return n // _CONTEXT_STEP * _CONTEXT_STEP if n >= _MIN_CONTEXT else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """sentence: for a person, numbers and ways out included. alternative: a model of the catalogue that would fit.

    longest_context: of the larger model, where a shorter one than was asked for helps.
    """

    fits: bool
    sentence: str
    needed_bytes: int
    longest_context: int | None = None
    alternative: str | None = None


def footprint(name: str, config: Mapping[str, Any], weight_bytes: int, execution: Execution) -> Footprint:
    """Compute the footprint of a model from its config.json.

    Raises KeyError where the configuration does not say how large the model is.
    """
    text: Mapping[str, Any] = config.get("text_config", config)
    n_heads = text["num_attention_heads"]
    n_kv_heads = text.get("num_key_value_heads") or n_heads
    head_dim = text.get("head_dim") or text["hidden_size"] // n_heads
    n_recurrent = _n_recurrent_layers(text)
    n_attending = text["num_hidden_layers"] - n_recurrent
    return Footprint(
        name=name,
        weight_bytes=weight_bytes,
        kv_bytes_per_token=n_attending * n_kv_heads * head_dim * 2 * execution.item_bytes,
        state_bytes=n_recurrent * _layer_state_bytes(text, execution.item_bytes) if n_recurrent else 0,
        prefill_bytes_per_token=execution.attention_bytes(n_heads, head_dim),
        n_context=int(text.get("max_position_embeddings", 2048)),
    )


def judge(
    wanted: Sequence[tuple[Footprint, int]], available_bytes: int, giver: str, others: Sequence[Footprint]
) -> Verdict:
    """Tell whether the models, each with its context, fit together into `available_bytes`.

    giver: what gives the memory, as in "this Mac can give". others: what may be offered instead of the largest of them.
    """
    n_processes_too_many = len(wanted) - 1
    needed_bytes = sum(model.total_bytes(n_context) for model, n_context in wanted)
    needed_bytes -= n_processes_too_many * _PROCESS_BYTES
    terms = " and ".join(f"{model.name} needs {_terms(model, n_context)}" for model, n_context in wanted)
    together = f", {size(needed_bytes)} together" if len(wanted) > 1 else ""
    sentence = f"{terms}{together}; {giver} {size(available_bytes)}"
    if needed_bytes <= available_bytes:
        return Verdict(True, f"{sentence}, so {'they fit' if len(wanted) > 1 else 'it fits'}", needed_bytes)

    model, n_context = max(wanted, key=lambda each: each[0].total_bytes(each[1]))
    left_bytes = available_bytes - (needed_bytes - model.total_bytes(n_context))
    longest = model.longest_context(left_bytes)
    fitting = [
        (other.total_bytes(min(n_context, other.n_context)), other.name)
        for other in others
        if other.name != model.name and other.total_bytes(min(n_context, other.n_context)) <= left_bytes
    ]
    offers = []
    if fitting:
        n_bytes, name = max(fitting)
        offers.append(f"{name} would fit ({size(n_bytes)})")
    if longest is not None:
        offers.append(f"{'give' if fitting else 'Give'} --n-context {longest}")
    sentence += f". {', or '.join(offers)}" if offers else ", too little for any model of the catalogue"
    return Verdict(False, sentence, needed_bytes, longest, max(fitting)[1] if fitting else None)


def size(n_bytes: int) -> str:
    """Write a size as people read it, in decimal units."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 10**8 else f"{n_bytes / 1e6:.0f} MB"


def _terms(model: Footprint, n_context: int) -> str:
    kv_bytes = n_context * model.kv_bytes_per_token
    terms = [f"{size(model.weight_bytes)} of weights", f"{size(kv_bytes)} of KV at {n_context:,} tokens"]
    if model.state_bytes:
        terms.append(f"{size(N_STATES * model.state_bytes)} of recurrent states")
    terms.append(f"{size(model.prefill_bytes(n_context))} to prefill")
    return f"{' + '.join(terms)} = {size(model.total_bytes(n_context))}"


def _n_recurrent_layers(text: Mapping[str, Any]) -> int:
    """Count the layers that keep a state in place of keys and values."""
    if "linear_num_value_heads" not in text:
        return 0
    if kinds := text.get("layer_types"):
        return sum(kind == "linear_attention" for kind in kinds)
    n_layers, interval = text["num_hidden_layers"], text.get("full_attention_interval", 4)
    return int(n_layers - n_layers // interval)


def _layer_state_bytes(text: Mapping[str, Any], item_bytes: int) -> int:
    """Size of a gated delta net's state: the convolution's last inputs, and a float32 matrix per value head."""
    value_dim = text["linear_num_value_heads"] * text["linear_value_head_dim"]
    key_dim = text["linear_num_key_heads"] * text["linear_key_head_dim"]
    convolution = (text["linear_conv_kernel_dim"] - 1) * (2 * key_dim + value_dim) * item_bytes
    return int(convolution + value_dim * text["linear_key_head_dim"] * 4)
