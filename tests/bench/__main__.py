"""`python -m tests.bench NAME [--json] [--quick]`: run one bench; without a name, list them."""

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.bench.report import Options, Report

BENCHES = {
    "engine": "waits beside background work, keystrokes, cancels, memory; against mlx_lm.server and llama.cpp",
    "first_line": "first ghost text cold and warm; prefill and decode against stock MLX and raw mlx-lm",
    "typing": "a real editing session key by key: waits, engine calls, what a cache answers, the server's overhead",
    "retrieval": "members that another file defines, completed with and without what is known of other files",
    "completion_quality": "holes of one line filled through the language server against the raw model: right answers",
    "index": "the workspace index: build, one changed file, queries, memory, and how they grow",
    "speculation": "decoding with guesses against decoding without, where text repeats and where it does not",
    "together": "answers that decode at once against one at a time",
    "review": "security findings against marked lines, noise, time, half-typed files; bandit and ruff beside",
    "fixes": "fixes of diagnostics against the bare model's: which hold, which were checked, which are right",
    "explain": "explanations: how soon, what of the model's words is shown, which parts are there",
    "sandbox": "what a sandbox costs: a command that does nothing, in it and without",
    "testgen": "suggested tests against the raw model's: which pass, what they cover, which mutants they notice",
    "suffix": "the text behind the cursor moved along while someone types: right answers, time per keystroke",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench that `argv` names; return 1 when a goal was missed, 2 when there is no such bench."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("name", nargs="?")
    parser.add_argument("--json", action="store_true", help="the last line of stdout is one JSON object")
    parser.add_argument("--quick", action="store_true", help="a short form that ends within a minute")
    parser.add_argument("--model", metavar="NAME", help="the model to measure (default: the bench's own)")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="data that others made")
    parser.add_argument("--build-llama", action="store_true", help="engine: build llama.cpp's server into the cache")
    parser.add_argument("--n", type=int, metavar="N", help="retrieval, completion_quality, testgen, fixes: how many")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="of the same four: keep answers, go on from them")
    parser.add_argument("--engine-url", metavar="URL", help="testgen, fixes: an OpenAI-compatible server that has it")
    options = parser.parse_args(argv)
    console = Console(stderr=True, highlight=False)
    if options.name is None:
        for name, what in BENCHES.items():
            console.print(f"{name:18} {what}")
        return 0
    if options.name not in BENCHES:
        console.print(f"there is no bench {options.name!r}; there are: {', '.join(BENCHES)}")
        return 2
    # `timeout` and others end a bench this way, and the servers that it started must end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    module = importlib.import_module(f"tests.bench.{options.name}")
    report: Report = module.run(
        Options(
            options.quick,
            options.model,
            options.build_llama,
            options.data,
            options.n,
            options.resume,
            options.engine_url,
        )
    )
    if options.json:
        sys.stdout.write(report.to_json() + "\n")
    else:
        report.show(Console(highlight=False))
    return 1 if report.missed() else 0


if __name__ == "__main__":
    raise SystemExit(main())
