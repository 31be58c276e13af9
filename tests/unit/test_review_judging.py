"""A model's verdicts from the command line: what it lowers, what is not shown to it, and who may be asked at all."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.commands.review_files import Looked, look_at_all
from lsp_server.commands.review_judging import NoJudgeError, judge_all
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.review.finding import Confidence

WEAK = "import os\nfrom flask import request\n\n\ndef go():\n    os.system(request.args['c'])\n"
SAFE = {"evidence_quotes": ["os.system("], "source_controlled": True, "sanitizer_quote": "request.args['c']"}


def _engine(**said: object) -> ScriptedEngine:
    answer = json.dumps({**SAFE, "verdict": "safe", "fix": None, **said})
    engine = ScriptedEngine([Rule("^Warning:", answer)])
    told = replace(engine.capabilities_told, assistant_model="scripted", constraints=frozenset({"json_schema"}))
    engine.capabilities_told = told
    return engine


def _looked(folder: Path, text: str = WEAK, name: str = "a.py") -> list[Looked]:
    (folder / name).write_text(text, encoding="utf-8")
    return list(look_at_all([folder / name], None, lambda: None))


@pytest.mark.anyio
async def test_what_the_model_shows_to_be_safe_is_lowered_and_said(tmp_path: Path) -> None:
    asked: list[int] = []
    (after,) = await judge_all(_engine(), _looked(tmp_path), lambda: asked.append(1))
    (finding,) = after.findings
    assert (finding.confidence, set(after.lowered)) == (Confidence.MEDIUM, {finding.fingerprint})
    assert asked == [1]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "said", [{"verdict": "vulnerable"}, {"evidence_quotes": ["not there"]}, {"sanitizer_quote": ""}]
)
async def test_any_other_answer_changes_nothing(tmp_path: Path, said: dict[str, object]) -> None:
    before = _looked(tmp_path)
    assert await judge_all(_engine(**said), before, lambda: None) == before


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "name"),
    [(f"{WEAK}    token = 'ghp_{'Zx9Qw3Er7Ty1Ui5Op2As4Df6Gh8Jk0LmNb3V'}'\n", "a.py"), (WEAK, ".env.py")],
)
async def test_no_credentials_are_shown_to_a_model(tmp_path: Path, text: str, name: str) -> None:
    engine = _engine()
    before = _looked(tmp_path, text, name)
    assert before[0].findings
    after = await judge_all(engine, before, lambda: None)
    assert all(finding in after[0].findings for finding in before[0].findings if finding.rule == "command-injection")
    assert not any("ghp_" in str(served.request) for served in engine.served)


@pytest.mark.anyio
async def test_an_engine_without_an_assistant_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(NoJudgeError, match="name another model"):
        await judge_all(ScriptedEngine([]), _looked(tmp_path), lambda: None)
