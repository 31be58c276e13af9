"""`hearthline review`: findings of files and folders, for people, programs and CI systems."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from lsp_server import __version__
from lsp_server.commands.review_files import Looked, NoSuchRevisionError, look_at_all, resolve
from lsp_server.commands.review_judging import judge_with
from lsp_server.commands.terminal import answers, fail, progress, write_json
from lsp_server.context.files import TooManyFilesError, list_files
from lsp_server.errors import HearthlineError
from lsp_server.review.cwe import page_of
from lsp_server.review.finding import Confidence, Finding, Step
from lsp_server.review.rulebook import Rulebook, load
from lsp_server.review.sarif import to_sarif

_COLOUR = {Confidence.HIGH: "bold red", Confidence.MEDIUM: "yellow", Confidence.LOW: "dim"}


def run(places: Sequence[str], form: str, since: str | None, least: Confidence, model: str | None = None) -> int:
    """Review the files and folders `places`; return 1 where there are findings, 0 where there are none, 2 on bad input.

    form: text, json or sarif. since: a git revision; findings that stood there already are left out. least: findings
    of less confidence are left out. model: the one that is asked about each finding; what it shows to be safe is shown
    as such, and counts for less.
    """
    rulebook = load()
    try:
        files = list(_files(places))
        commit = resolve(since, Path.cwd()) if since is not None else None
    except FileNotFoundError as error:
        return fail(f"{error.filename} does not exist; give files or folders to review", 2)
    except TooManyFilesError:
        return fail("the folder holds too many files to review at once; review its parts", 2)
    except NoSuchRevisionError as error:
        return fail(str(error), 2)
    with progress("reviewing", len(files)) as advance:
        looked = [_to_show(each, least) for each in look_at_all(files, commit, advance)]
    if model is not None:
        try:
            with progress(f"asking {model}", sum(len(each.findings) for each in looked)) as advance:
                looked = asyncio.run(judge_with(model, looked, advance))
        except KeyboardInterrupt:
            return 130
        except HearthlineError as error:
            return fail(str(error), 2)
    if form == "json":
        write_json([_object(each, finding) for each in looked for finding in each.findings])
    elif form == "sarif":
        found = [(_shown(each.path), each.findings) for each in looked]
        write_json(to_sarif(found, rulebook.families.values(), __version__))
    else:
        _show(answers(), looked, rulebook)
    return 1 if any(finding.confidence >= least for each in looked for finding in each.findings) else 0


def _files(places: Iterable[str]) -> Iterator[Path]:
    """Give the files to look at, each once. Raises FileNotFoundError, TooManyFilesError."""
    seen = set()
    for place in map(Path, places):
        if place.is_dir():
            found = [place / name for name in sorted(list_files(place.absolute(), ()))]
        elif place.exists():
            found = [place]
        else:
            raise FileNotFoundError(2, "no such file", str(place))
        for file in found:
            if (same := os.path.abspath(file)) not in seen:
                seen.add(same)
                yield file


def _to_show(looked: Looked, least: Confidence) -> Looked:
    """Leave out what is less sure than `least`; let the steps in other files be written as files are here."""
    findings = (each for each in looked.findings if each.confidence >= least)
    return looked._replace(
        findings=tuple(replace(each, trace=tuple(map(_step_shown, each.trace))) for each in findings)
    )


def _step_shown(step: Step) -> Step:
    return step if step.path is None else step._replace(path=_shown(Path(step.path)))


def _object(looked: Looked, finding: Finding) -> dict[str, Any]:
    path = looked.path
    return {
        "path": _shown(path),
        "start_line": finding.place.line + 1,
        "start_column": finding.place.column + 1,
        "end_line": finding.place.end_line + 1,
        "end_column": finding.place.end_column + 1,
        "cwe": finding.cwe,
        "rule": finding.rule,
        "confidence": finding.confidence.name.lower(),
        "message": finding.message,
        "symbol": finding.symbol,
        "fingerprint": finding.fingerprint,
        "origin": finding.origin,
        "lowered": finding.fingerprint in looked.lowered,
        "trace": [_step(path, step) for step in finding.trace],
    }


def _step(path: Path, step: Step) -> dict[str, Any]:
    return {"path": step.path or _shown(path), "line": step.place.line + 1, "text": step.words}


def _show(console: Console, looked: Sequence[Looked], rulebook: Rulebook) -> None:
    for each in looked:
        for finding in each.findings:
            _show_finding(console, each, finding, rulebook)
    for each in looked:
        if each.skipped:
            what = "was not reviewed to its end" if each.is_cut else "was not reviewed"
            console.print(Text(f"{_shown(each.path)} {what}: {each.skipped}", style="dim"))
    n = sum(len(each.findings) for each in looked)
    n_ignored = sum(each.n_ignored for each in looked)
    n_reviewed = sum(each.is_cut or not each.skipped for each in looked)
    ignored = f", {n_ignored} ignored by comments or .hearthline.toml" if n_ignored else ""
    console.print(f"{n} finding{'' if n == 1 else 's'} in {n_reviewed} file{'' if n_reviewed == 1 else 's'}{ignored}")


def _show_finding(console: Console, looked: Looked, finding: Finding, rulebook: Rulebook) -> None:
    path = looked.path
    place = f"{_shown(path)}:{finding.place.line + 1}:{finding.place.column + 1}"
    title = rulebook.families[finding.rule].title
    rule = f"  {finding.rule} CWE-{finding.cwe}"
    head = Text.assemble((place, "bold"), "  ", (title, _COLOUR[finding.confidence]), rule)
    console.print(head, soft_wrap=True)
    console.print(Text(f"    {finding.message}"), soft_wrap=True)
    if finding.fingerprint in looked.lowered:
        words = f"    the model shows it to be safe: {finding.confidence.name.lower()} confidence now"
        console.print(Text(words, style="dim"), soft_wrap=True)
    for step in finding.trace:
        where = f"{step.path or _shown(path)}:{step.place.line + 1}"
        console.print(Text(f"    {where}  {step.words}", style="dim"), soft_wrap=True)
    console.print(Text(f"    {page_of(finding.cwe)}\n", style="dim"), soft_wrap=True)


def _shown(path: Path) -> str:
    """Return `path` relative to here where it lies below, with `/`."""
    absolute = Path(os.path.abspath(path))
    here = Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()
