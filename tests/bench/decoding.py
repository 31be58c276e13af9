"""Speeds: decoding what was there before (an edit) and what was not (prose); prefill and decode against llama.cpp.

Speculation guesses from what was there, so the same worker on prose is what it is without. The prose is sampled at
temperature 1, because a small model that decodes greedily falls into loops, which can be guessed.
"""

import statistics

from tests.bench import texts
from tests.bench.report import Report
from tests.bench.servers import Ask, Hearthline, LlamaCpp, MlxLm, Server
from tests.bench.streams import complete

_N_DECODED = 64
_PREFILL_FUNCTIONS = 7


async def measure_decoding(report: Report, ours: Hearthline, peer: MlxLm, n_turns: int) -> None:
    """Fill in decode speeds on edit-like text and on prose, and their ratio."""
    edits, stories, theirs = [], [], []
    for turn in range(n_turns):
        edits.append(await _decode(ours, texts.write_rename(turn)))
        stories.append(await _decode(ours, texts.write_story(turn), temperature=1.0))
        theirs.append(await _decode(peer, texts.write_rename(turn)))
    report.figures["decode_edit_tokens_per_s"] = statistics.median(edits)
    report.figures["decode_prose_tokens_per_s"] = statistics.median(stories)
    report.figures["mlx_lm_decode_edit_tokens_per_s"] = statistics.median(theirs)
    report.figures["speculation_speedup_ratio"] = statistics.median(
        edit / story for edit, story in zip(edits, stories, strict=True)
    )


async def measure_against_llama(report: Report, ours: Hearthline, peer: LlamaCpp, n_turns: int) -> None:
    """Fill in prefill of a prompt that neither has seen, and decode of edit-like text, and the ratios."""
    await complete(peer, Ask("warm = up(", 4))
    prefills: list[tuple[float, float]] = []
    decodes: list[tuple[float, float]] = []
    for turn in range(n_turns):
        module, rename = texts.write_module(700 + turn, _PREFILL_FUNCTIONS), texts.write_rename(50 + turn)
        prefills.append((await _prefill(ours, module), await _prefill(peer, module)))
        decodes.append((await _decode(ours, rename), await _decode(peer, rename)))
    for kind, pairs in (("prefill", prefills), ("decode", decodes)):
        report.figures[f"llama_cpp_{kind}_tokens_per_s"] = statistics.median(theirs for _, theirs in pairs)
        report.figures[f"{kind}_ratio_to_llama_cpp"] = statistics.median(mine / theirs for mine, theirs in pairs)
    report.figures["prefill_tokens_per_s"] = statistics.median(mine for mine, _ in prefills)


async def _prefill(server: Server, prompt: str) -> float:
    answer = await complete(server, Ask(prompt, 4))
    return (answer.counts.n_prompt - answer.counts.n_cached) / answer.first_s


async def _decode(server: Server, prompt: str, temperature: float = 0.0) -> float:
    answer = await complete(server, Ask(prompt, _N_DECODED, temperature=temperature))
    return answer.decode_tokens_per_s
