"""Other reviewers of Python over the same files: bandit, and ruff's `S` rules. Each is run once over a folder."""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from tests.bench.review_scores import Alert

Alerts = dict[str, list[Alert]]


def bandit(texts: Mapping[str, str], same: Mapping[int, frozenset[int]]) -> Alerts | None:
    """Return bandit's alerts by the name of the text; None where bandit is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        names = _write(Path(folder), texts)
        ran = _run("-m", "bandit", "-q", "-r", folder, "-f", "json")
    if "No module named" in ran.stderr:
        return None
    found: Alerts = defaultdict(list)
    for each in json.loads(ran.stdout)["results"]:
        cwe = each.get("issue_cwe", {}).get("id", 0)
        lines = each["line_range"]
        found[names[Path(each["filename"]).name]].append(
            Alert(each["line_number"], max(lines), same.get(cwe, frozenset({cwe})))
        )
    return found


def ruff(texts: Mapping[str, str], same: Mapping[int, frozenset[int]]) -> Alerts:
    """Return the alerts of ruff's `S` rules by the name of the text; they follow bandit's, and so do their CWEs."""
    with tempfile.TemporaryDirectory() as folder:
        names = _write(Path(folder), texts)
        ran = _run("-m", "ruff", "check", "--isolated", "--select", "S", "--output-format", "json", folder)
    found: Alerts = defaultdict(list)
    for each in json.loads(ran.stdout):
        cwe = _CWE_OF.get(each["code"] or "")
        if cwe is not None:
            place = Alert(each["location"]["row"], each["end_location"]["row"], same.get(cwe, frozenset({cwe})))
            found[names[Path(each["filename"]).name]].append(place)
    return found


def _write(folder: Path, texts: Mapping[str, str]) -> dict[str, str]:
    names = {}
    for number, (path, text) in enumerate(texts.items()):
        name = f"file_{number}.py"
        (folder / name).write_text(text, encoding="utf-8")
        names[name] = path
    return names


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


_CWES = {
    20: "S308",
    22: "S202",
    78: "S602 S603 S604 S605 S606 S607 S609",
    79: "S701 S702 S704",
    89: "S608 S610 S611",
    94: "S102 S307",
    295: "S501 S507",
    259: "S105 S106 S107",
    319: "S309 S312 S321 S401 S402",
    326: "S505",
    327: "S303 S304 S305 S324 S502 S503 S504",
    330: "S311",
    377: "S108 S306",
    400: "S113",
    502: "S301 S302 S403 S506",
    605: "S104",
    611: "S313 S314 S315 S316 S317 S318 S319 S320 S405 S406 S407 S408 S409 S410",
    703: "S101 S110 S112",
    732: "S103",
    489: "S201",
}
_CWE_OF = {code: cwe for cwe, codes in _CWES.items() for code in codes.split()}
