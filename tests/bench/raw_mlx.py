"""The peer: `mlx_lm.stream_generate` in a process of its own, driven over pipes, one JSON object a line.

In: {"prompt": [token, ...], "max_tokens": n}. Out: {"prefill_s", "decode_s", "n_decoded"} by the caller's clock,
from the call to the first token and from there to the last. `--blas stock` leaves the wheel's own BLAS in place.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class RawRun:
    """What one run cost. n_decoded counts every token, the first one included."""

    prefill_s: float
    decode_s: float
    n_decoded: int

    @property
    def decode_s_per_token(self) -> float:
        """Return the mean time between two tokens."""
        return self.decode_s / max(1, self.n_decoded - 1)


class RawMlx:
    """One peer process with its model loaded. Use as a context manager."""

    def __init__(self, checkpoint: Path, blas: str) -> None:
        command = [sys.executable, "-m", "tests.bench.raw_mlx", str(checkpoint), "--blas", blas]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def generate(self, prompt: Sequence[int], max_tokens: int) -> RawRun:
        """Run the peer once over `prompt` with no cache."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"prompt": list(prompt), "max_tokens": max_tokens}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the peer process ended without an answer; its error is above")
        return RawRun(**json.loads(line))


def main() -> None:
    """Serve runs until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--blas", choices=["stock", "fast"], required=True)
    options = parser.parse_args()
    if options.blas == "fast":
        from inference.blas import load_fast_blas

        load_fast_blas()
    from mlx_lm.generate import stream_generate
    from mlx_lm.utils import load_model
    from transformers import PreTrainedTokenizerFast

    model, _ = load_model(options.checkpoint)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(options.checkpoint / "tokenizer.json"))
    for line in sys.stdin:
        request = json.loads(line)
        started = time.perf_counter()
        first = last = started
        n_decoded = 0
        for _ in stream_generate(model, tokenizer, request["prompt"], max_tokens=request["max_tokens"]):
            last = time.perf_counter()
            first = last if n_decoded == 0 else first
            n_decoded += 1
        answer = {"prefill_s": first - started, "decode_s": last - first, "n_decoded": n_decoded}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
