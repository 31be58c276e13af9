"""The job's tests as callables, loaded as the project's framework loads them; one that cannot be loaded says why."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import unittest
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence  # noqa: UP035  # Python 3.8 runs this as well

if TYPE_CHECKING:
    from .child import Run
    from .job import Job

    Test = tuple[str, Run]  # with its name

_MOST_WORDS = 1500
_TAIL_LINES = 4


class Pytest:
    """A plugin that has pytest collect, and runs what it collected in its own way. then: gets the tests."""

    def __init__(self, job: Job, then: Callable[[list[Test]], None]) -> None:
        self._job = job
        self._then = then
        self._errors: dict[str, str] = {}
        self._raised: BaseException | None = None

    def main(self) -> None:
        """Run pytest on the job's files: by the project's settings, without its extra options and caches."""
        import pytest

        files = list(dict.fromkeys(self._job.tests.values()))
        options = ["-q", "-s", "-p", "no:cacheprovider", "-o", "addopts=", "-o", "required_plugins="]
        options += ["--rootdir", self._job.root, "--basetemp", os.path.join(self._job.temporary, "pytest")]
        pytest.main([*options, *files], plugins=[self])

    def pytest_collectreport(self, report: Any) -> None:
        """Note why a file cannot be loaded."""
        if report.failed:
            self._errors[os.path.basename(report.nodeid)] = _shown(report.longreprtext)

    def pytest_exception_interact(self, call: Any) -> None:
        """Note what a test raised."""
        self._raised = call.excinfo.value

    def pytest_runtestloop(self, session: Any) -> bool:
        """Take the place of pytest's own loop: who registers last is asked first."""
        self._then([(name, self._test(name, path, session.items)) for name, path in self._job.tests.items()])
        return True

    def _test(self, name: str, path: str, items: Sequence[Any]) -> Run:
        file = os.path.basename(path)
        if file in self._errors:
            return _constant("broken", self._errors[file])
        own = [item for item in items if item.nodeid.partition("::")[0].endswith(file) and _plain(item.name) == name]
        return lambda: self._run(own)

    def _run(self, items: Sequence[Any]) -> tuple[str, str]:
        """Run a test with each of its parameters, until one fails."""
        from _pytest.runner import runtestprotocol

        verdict, words = "skipped", "no test of this name was collected"
        for item in items:
            for report in runtestprotocol(item, log=False, nextitem=None):
                if report.failed:
                    return self._verdict(report), _shown(report.longreprtext)
                if report.skipped:
                    return "skipped", "it is skipped"
                if report.when == "call":
                    verdict, words = "passed", ""
        return verdict, words

    def _verdict(self, report: Any) -> str:
        import pytest

        is_claim = isinstance(self._raised, (AssertionError, pytest.fail.Exception))
        return "failed" if is_claim and report.when == "call" else "broken"


def _shown(text: str) -> str:
    """Return the lines of pytest's report that say what was wrong."""
    lines = [line for line in text.splitlines() if line[:1] in (">", "E") and not line.startswith("E        +")]
    return "\n".join(lines) or text[-_MOST_WORDS:]


def _plain(name: str) -> str:
    """Return what a test is called without the parameters it is run with."""
    return name.partition("[")[0]


def _constant(verdict: str, words: str) -> Run:
    return lambda: (verdict, words)


def collect_with_unittest(job: Job) -> list[Test]:
    """Load the job's files as unittest would from the root."""
    return [(name, _load_with_unittest(job, path, name)) for name, path in job.tests.items()]


def _load_with_unittest(job: Job, path: str, name: str) -> Run:
    folder, names = os.path.dirname(path), [os.path.splitext(os.path.basename(path))[0]]
    while folder != job.root and os.path.exists(os.path.join(folder, "__init__.py")):
        names.insert(0, os.path.basename(folder))
        folder = os.path.dirname(folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        loaded = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(".".join(names)))
    except (Exception, SystemExit) as error:
        return _constant("broken", "".join(traceback.format_exception_only(type(error), error)))
    suite = unittest.TestSuite(test for test in _flat(loaded) if test._testMethodName == name)

    def run() -> tuple[str, str]:
        result = unittest.TestResult()
        suite.run(result)
        if result.errors:
            return "broken", _tail(result.errors[0][1])
        if result.failures or result.unexpectedSuccesses:
            return "failed", _tail(result.failures[0][1]) if result.failures else "it succeeded unexpectedly"
        if result.testsRun == 0 or result.skipped or result.expectedFailures:
            return "skipped", "it is skipped"
        return "passed", ""

    return run


def _flat(suite: Any) -> Iterator[Any]:
    for each in suite:
        if hasattr(each, "_testMethodName"):
            yield each
        else:
            yield from _flat(each)


def _tail(text: str) -> str:
    """Return the end of a traceback: the line that raised, and what."""
    return "\n".join(text.strip().splitlines()[-_TAIL_LINES:])
