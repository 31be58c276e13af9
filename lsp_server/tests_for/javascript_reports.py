"""What Node's test runner, vitest and jest report -> results. Pure; whatever they say, it is data."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lsp_server.errors import HearthlineError
from lsp_server.tests_for.commanding import Shot
from lsp_server.tests_for.framework import Result, Verdict

_MOST_WORDS = 1_500
_MOST_REASON = 200
_LOADING = "loading"
"""What our runner of Node calls a file that cannot be loaded."""
_NOT_LOADED = "it could not be loaded"
_VERDICTS = frozenset(verdict.value for verdict in Verdict)
_DENIED = re.compile(r"\b(?:EROFS|EACCES|EPERM|ENETUNREACH|EAI_AGAIN|ENOTFOUND)\b")
_CLAIM = re.compile(r"AssertionError|\bexpect\(|\bassert\.")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class _Told(msgspec.Struct, frozen=True):
    """A line of our reporter (`runners/node_reporter.mjs`), or of what ran."""

    verdict: str = ""
    words: str = ""
    name: str = ""
    level: int = 0
    is_group: bool = False
    lines: tuple[int, ...] = ()


class _Assertion(msgspec.Struct, frozen=True):
    status: str
    title: str = ""
    failureMessages: tuple[str, ...] | None = None  # noqa: N815  vitest's and jest's own name


class _Suite(msgspec.Struct, frozen=True):
    name: str
    status: str = ""
    message: str | None = None
    assertionResults: tuple[_Assertion, ...] = ()  # noqa: N815  as above


class _Suites(msgspec.Struct, frozen=True):
    testResults: tuple[_Suite, ...] = ()  # noqa: N815  as above


def read_node(shot: Shot, paths: Mapping[str, str]) -> list[Result]:
    """Return the result of one execution of one test by Node."""
    del paths
    told = _told_by(shot)
    verdicts = [(Verdict(each.verdict), each.words) for each in told if each.verdict in _VERDICTS and not each.level]
    bad = [each for each in verdicts if each[0] not in (Verdict.PASSED, Verdict.SKIPPED)]
    lines = frozenset(line for each in told for line in each.lines)
    if shot.code is None:
        verdict, words = Verdict.SLOW, "it took too long"
    elif bad:
        verdict, words = bad[0]
    elif shot.code != 0 or not verdicts:
        verdict, words = Verdict.BROKEN, shot.output[-_MOST_WORDS:]
    else:
        verdict, words = verdicts[0] if any(v is Verdict.SKIPPED for v, _ in verdicts) else (Verdict.PASSED, "")
    return [
        Result(name, verdict, shot.mutant, words[:_MOST_WORDS], shot.output, lines, took_s=shot.took_s)
        for name in shot.tests
    ]


def read_standing_node(shot: Shot) -> list[Result]:
    """Return the results of one execution of a whole file by Node: of the tests in it that the shot names."""
    told = _told_by(shot)
    verdicts = [
        (each.name, Verdict(each.verdict), each.words)
        for each in told
        if each.verdict in _VERDICTS and not each.is_group
    ]
    if any(name == _LOADING for name, _, _ in verdicts):
        verdicts += [
            (name, Verdict.BROKEN, words) for each, _, words in verdicts if each == _LOADING for name in shot.tests
        ]
    is_sound = all(verdict is Verdict.PASSED for _, verdict, _ in verdicts)  # lines are those of all tests together
    lines = frozenset(line for each in told for line in each.lines) if is_sound else frozenset()
    return _by_name(shot, verdicts, lines)


def read_standing_suites(shot: Shot) -> list[Result]:
    """Return the results of one execution of a whole file by vitest or jest; see `read_suites`."""
    suites = _decoded(shot.told, _Suites) or _Suites()
    _require_start(shot)
    verdicts = []
    for suite in suites.testResults:
        for each in suite.assertionResults:
            verdicts.append((each.title, *_of_assertion(each)))
        if not suite.assertionResults:
            verdicts += [(name, Verdict.BROKEN, _plain(suite.message or _NOT_LOADED)) for name in shot.tests]
    return _by_name(shot, verdicts, frozenset())


def _told_by(shot: Shot) -> list[_Told]:
    """Return the lines of our reporter; those that are none are passed over."""
    return [line for each in shot.told.splitlines() if (line := _decoded(each, _Told)) is not None]


def _by_name(shot: Shot, verdicts: Sequence[tuple[str, Verdict, str]], lines: frozenset[int]) -> list[Result]:
    """Return a result for each of the shot's tests that something is known of: the worst of those with its name."""
    results = []
    for name in shot.tests:
        own = [(verdict, words) for each, verdict, words in verdicts if each == name]
        if shot.code is None and not own:
            own = [(Verdict.SLOW, "it took too long")]
        elif shot.code != 0 and not verdicts and shot.mutant is None:
            own = [(Verdict.BROKEN, shot.output[-_MOST_WORDS:])]
        if own:
            verdict, words = min(own, key=lambda each: each[0] in (Verdict.PASSED, Verdict.SKIPPED))
            results.append(Result(name, verdict, shot.mutant, words[:_MOST_WORDS], shot.output, lines))
    return results


def read_suites(shot: Shot, paths: Mapping[str, str]) -> list[Result]:
    """Return the results of one execution of all tests by vitest or jest. paths: test file -> name.

    Raises HearthlineError where the program itself did not start, which is no test's fault and for a person to mend.
    """
    suites = _decoded(shot.told, _Suites) or _Suites()
    results = {}
    for suite in suites.testResults:
        name = paths.get(suite.name)
        if name in shot.tests:
            verdict, words = _of_suite(suite)
            results[name] = Result(name, verdict, shot.mutant, words[:_MOST_WORDS], shot.output)
    if shot.code is None and len(shot.tests) == 1:
        return [Result(name, Verdict.SLOW, shot.mutant, "it took too long") for name in shot.tests]
    _require_start(shot)
    return list(results.values())


def _require_start(shot: Shot) -> None:
    if not shot.told and shot.mutant is None and shot.code not in (None, 0):
        raise HearthlineError(f"the project's test program does not start: {_reason(shot.output)}")


def _reason(output: str) -> str:
    """Return the line of `output` that says most about an error."""
    lines = [line.strip() for line in _plain(output).splitlines() if line.strip()]
    telling = next((line for line in lines if re.match(r"\W*(?:\w*Error\b|Cannot\b|Unknown\b)", line)), "")
    return (telling or (lines[-1] if lines else "it says nothing of why"))[:_MOST_REASON]


def _of_suite(suite: _Suite) -> tuple[Verdict, str]:
    for each in suite.assertionResults:
        if each.status == "failed":
            return _of_assertion(each)
    if suite.status == "failed" or not suite.assertionResults:
        return Verdict.BROKEN, _plain(suite.message or _NOT_LOADED)
    statuses = {each.status for each in suite.assertionResults}
    return (Verdict.PASSED, "") if statuses == {"passed"} else (Verdict.SKIPPED, "it is skipped")


def _of_assertion(told: _Assertion) -> tuple[Verdict, str]:
    if told.status == "failed":
        return _of_failure("\n".join(told.failureMessages or ()))
    return (Verdict.PASSED, "") if told.status == "passed" else (Verdict.SKIPPED, "it is skipped")


def _of_failure(message: str) -> tuple[Verdict, str]:
    message = _plain(message)
    if _DENIED.search(message):
        return Verdict.FORBIDDEN, "did what the sandbox refuses"
    return (Verdict.FAILED if _CLAIM.search(message) else Verdict.BROKEN), message


def _plain(message: str) -> str:
    return _ESCAPES.sub("", message)


def _decoded(text: str, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
