"""Explanations as a person gets them: how soon, how much of what the model says is shown, and which parts are there.

A real language server and a worker of the bench's own explain functions of different kinds (`explained.txt`), each for
the first time. A claim is a sentence or bullet of the kind that was asked for, and the first time it is said; it is
dropped if it is not in the explanation. What is there is told for each part; whether it is right is for a reader, who
finds all explanations on stderr.
"""

import asyncio
import json
import re
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.models.catalogue import DEFAULT_MODEL, TEST_MODEL
from lsp_server.explain import plan
from lsp_server.explain.check import Repetitions
from lsp_server.explain.phrases import put_plainly
from lsp_server.explain.units import Kind, UnitReader
from tests.bench.homes import find_checkpoint, own_home
from tests.bench.report import Options, Report
from tests.bench.servers import hearthline
from tests.lsp_client import LspClient

SAMPLES = Path(__file__).with_name("explained.txt")
SERVER = (sys.executable, "-m", "tests.bench.noting_server")

_LANGUAGES = {"py": "python", "js": "javascript", "ts": "typescript"}
_HEAD = re.compile(r"^==== (\S+) @ (\w+): (.+)\n", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_STEP = re.compile(r"^\d+\. \[line \d+\]\S* (?P<label>`+[^`]*`+)(?P<told>: .)?", re.MULTILINE)
_CLIENT = {"experimental": {"hearthline": {"stream": True}}}
_N_QUICK = 1
_DEADLINE_S = 900.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A function of a file. kind: what it stands for."""

    file: str
    name: str
    kind: str
    text: str

    @property
    def line(self) -> int:
        """Where it is defined, 0-based."""
        definition = re.compile(rf"(?:def|function) {self.name}\(")
        return next(number for number, line in enumerate(self.text.split("\n")) if definition.search(line))


@dataclass(frozen=True, slots=True)
class Explained:
    """One explanation. n_claims: that the model made; dropped: those of them that are not shown."""

    function: str
    text: str
    first_s: float
    end_s: float
    n_tokens: int
    n_claims: int
    dropped: tuple[str, ...]

    def section(self, title: str) -> str:
        """Return what stands below a heading; the text in front of all of them for ""."""
        parts = re.split(r"^#+ (.*)\n", self.text, flags=re.MULTILINE)
        return dict(zip(parts[1::2], parts[2::2], strict=True)).get(title, "") if title else parts[2]


def run(options: Options) -> Report:
    """Measure; a model that is not here is pulled first."""
    report = Report("explain", {})
    model = options.model or (TEST_MODEL if options.quick else DEFAULT_MODEL)
    samples = read_samples()[: options.n or (_N_QUICK if options.quick else None)]
    report_explained(report, asyncio.run(_explain_all(samples, model)))
    return report


def read_samples() -> list[Sample]:
    """Read the functions that are explained."""
    parts = _HEAD.split(SAMPLES.read_text(encoding="utf-8"))[1:]
    return [Sample(*parts[at : at + 4]) for at in range(0, len(parts), 4)]


def report_explained(report: Report, explained: list[Explained]) -> None:
    """Fill in the figures of all explanations."""
    steps = [match for each in explained for match in _STEP.finditer(each.section("Steps"))]
    n_claims = sum(each.n_claims for each in explained)
    report.figures |= {
        "n_functions": len(explained),
        "first_sentence_s_median": statistics.median(each.first_s for each in explained),
        "first_sentence_s_max": max(each.first_s for each in explained),
        "end_s_median": statistics.median(each.end_s for each in explained),
        "end_s_max": max(each.end_s for each in explained),
        "tokens_median": statistics.median(each.n_tokens for each in explained),
        "claims": n_claims,
        "claims_dropped_pct": _pct(sum(len(each.dropped) for each in explained), n_claims),
        "purpose_there_pct": _pct(sum(_is_told(each.section("")) for each in explained), len(explained)),
        "inputs_there_pct": _pct(
            sum("\n- " in each.section("Inputs and outputs") for each in explained), len(explained)
        ),
        "steps_there_pct": _pct(sum(match["told"] is not None for match in steps), len(steps)),
        "risks_there_pct": _pct(sum(_is_told(each.section("Risks")) for each in explained), len(explained)),
    }


def _is_told(section: str) -> bool:
    """Tell whether there is more than the place and a word that there is nothing."""
    words = _LINK.sub("", section)
    for otherwise in (plan.NOTHING_HELD, plan.TOO_SMALL):
        words = words.replace(otherwise, "")
    return bool(words.strip())


def _pct(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


async def _explain_all(samples: list[Sample], model: str) -> list[Explained]:
    with own_home(find_checkpoint(model)) as workspace:
        async with hearthline(model):
            # Whoever ends the bench ends the client, and with it the thread that waits for it.
            with LspClient(workspace.parent, SERVER) as client:
                return await asyncio.to_thread(_explain_each, client, samples, workspace)


def _explain_each(client: LspClient, samples: list[Sample], workspace: Path) -> list[Explained]:
    for sample in samples:
        (workspace / sample.file).write_text(sample.text, encoding="utf-8")
    folders = [{"uri": workspace.as_uri(), "name": "project"}]
    client.initialize(_CLIENT, {"review": {"judge": "off"}}, workspaceFolders=folders)
    explained = []
    for sample in samples:
        explained.append(_explain(client, workspace, sample))
        sys.stderr.write(json.dumps(asdict(explained[-1]) | {"text": ""}) + f"\n{explained[-1].text}\n")
        sys.stderr.flush()
    return explained


def _explain(client: LspClient, workspace: Path, sample: Sample) -> Explained:
    uri = (workspace / sample.file).as_uri()
    client.open(uri, sample.text, _LANGUAGES[sample.file.rpartition(".")[2]])
    place = {"line": sample.line, "character": 8}
    argument = {"uri": uri, "range": {"start": place, "end": place}, "version": 1, "what": "symbol"}
    began_s = time.monotonic()
    request = client.request("workspace/executeCommand", {"command": "hearthline.explain", "arguments": [argument]})
    begin = client.wait_for(
        lambda message: message.get("params", {}).get("uri") == uri and _is_stream(message, "begin")
    )
    stream = begin["params"]["id"]

    def texts() -> list[str]:
        streamed = [message["params"] for message in list(client.messages) if _is_stream(message, "text")]
        return [params["text"] for params in streamed if params["id"] == stream]

    client.wait_for(lambda _: len(texts()) > 1, _DEADLINE_S)  # the first is what the server knows by itself
    first_s = time.monotonic() - began_s
    client.reply(request, _DEADLINE_S)
    end_s = time.monotonic() - began_s
    text = "".join(texts())
    notes = client.call("probe/notes", {})
    claims = [claim for note in notes for claim in claims_of(note)]
    return Explained(
        sample.name,
        text,
        round(first_s, 2),
        round(end_s, 2),
        sum(note["tokens"] for note in notes),
        len(claims),
        tuple(claim for claim in claims if not is_in(claim, text)),
    )


def _is_stream(message: dict[str, object], state: str) -> bool:
    params = message.get("params")
    return message.get("method") == "hearthline/stream" and isinstance(params, dict) and params["state"] == state


def claims_of(note: dict[str, Any]) -> list[str]:
    """Return what an answer says, as it would be shown."""
    wanted = Kind.BULLET if "bullet" in note["question"] else Kind.SENTENCE
    reader, said = UnitReader(), Repetitions()
    units = [*reader.feed(note["answer"]), *reader.close(is_cut=not note["is_whole"])]
    return [put_plainly(unit.text) for unit in units if unit.kind is wanted and not said.note(unit)]


def is_in(claim: str, text: str) -> bool:
    """Tell whether `claim` is said in an explanation, whatever of it is linked."""
    return _plain(claim) in _plain(text)


def _plain(words: str) -> str:
    return _LINK.sub(r"\1", words).replace("\\<", "<").strip()
