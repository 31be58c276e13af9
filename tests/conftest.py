"""Fixtures that every kind of test shares, and what `--long`, `model` and skips mean here.

The fast BLAS is loaded before any test module is imported: once `mlx.core` is in, it is too late.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import platformdirs
import pytest
from hypothesis import HealthCheck, settings

from inference import paths
from inference.blas import load_fast_blas
from inference.errors import SourceUnreachable
from inference.models.catalogue import TEST_MODEL, find_model
from inference.models.progress import Stage
from lsp_server.tests_for.sandbox import NoSandbox, find_sandbox

load_fast_blas()

_MAY_BE_SKIPPED = ("sandbox", "machine", "editors_all", "programs")

# On a busy machine an example takes long for reasons of its own; pytest's own limit ends what hangs.
settings.register_profile("hearthline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hearthline")

# Elsewhere MLX brings its own fast BLAS, and there is nothing to choose.
collect_ignore = [] if sys.platform == "linux" else ["unit/test_blas.py"]


class SilentReporter:
    """Takes a pull's progress and shows nothing."""

    def progress(self, stage: Stage, done: int, total: int) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="also run what takes minutes and gigabytes: the real default model"
    )
    parser.addoption("--editors", action="store_true", help="also run the tests in editors other than Neovim 0.12")
    parser.addoption("--programs", action="store_true", help="also run suggested tests by vitest, jest and a new Node")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes minutes and gigabytes; runs with --long")
    config.addinivalue_line("markers", "editors_all: drives one more real editor; runs with --editors")
    config.addinivalue_line("markers", "programs: runs tests by a program that is fetched once; runs with --programs")
    config.addinivalue_line("markers", "sandbox: runs generated code; skipped where nothing confines it")
    config.addinivalue_line("markers", "machine: needs a program or a system that cannot be had everywhere")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what nobody asked for; give `model` tests the model, and mark those that take it."""
    for option, marker in (("--long", "long"), ("--editors", "editors_all"), ("--programs", "programs")):
        if not config.getoption(option):
            left_out = [item for item in items if item.get_closest_marker(marker)]
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if not item.get_closest_marker(marker)]
    for item in items:
        names: list[str] = getattr(item, "fixturenames", [])
        if "test_model_dir" in names:
            item.add_marker("model")
        elif item.get_closest_marker("model"):
            names.append("test_model_dir")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out a test that runs generated code where that must not be run."""
    if item.get_closest_marker("sandbox"):
        try:
            find_sandbox()
        except NoSandbox as error:
            pytest.skip(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where every test must run, a skip is a failure, unless it is for what no project can bring along."""
    report = yield
    may_be_skipped = any(map(item.get_closest_marker, _MAY_BE_SKIPPED))
    if report.skipped and not hasattr(report, "wasxfail") and not may_be_skipped and _skips_are_failures():
        report.outcome = "failed"
        report.longrepr = f"skipped where no test may be skipped: {report.longrepr}"
    return report


def _skips_are_failures() -> bool:
    return any(os.environ.get(name) for name in ("CI", "HEARTHLINE_NO_SKIP"))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio, which is what the product runs on."""
    return "asyncio"


@contextlib.contextmanager
def shared_by_sessions(name: str) -> Iterator[None]:
    """Make a folder that all test sessions share the HEARTHLINE_HOME; skip where no source of `name` answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEARTHLINE_HOME", platformdirs.user_cache_dir("hearthline-tests", appauthor=False))
        try:
            yield
        except SourceUnreachable as error:
            pytest.skip(f"{name} cannot be fetched: {error}")


def pull_for_tests(name: str) -> Path:
    """Give the checkpoint folder of `name`, pulled once."""
    from inference.models.pull import pull

    with shared_by_sessions(name):
        return pull(name, SilentReporter())


def gguf_for_tests(name: str) -> Path:
    """Give the GGUF file of `name`, which `pull` does not keep, fetched once."""
    from inference.models.gguf_source import fetch_gguf
    from inference.models.pull import only_one_pull

    spec = find_model(name)
    with shared_by_sessions(name), only_one_pull(spec.name, SilentReporter()):
        directory = paths.data_dir() / "gguf" / name
        directory.mkdir(parents=True, exist_ok=True)
        return fetch_gguf(spec, directory, "float32", SilentReporter())


@pytest.fixture(scope="session")
def test_model_dir() -> Path:
    """Give the checkpoint folder of the test model."""
    return pull_for_tests(TEST_MODEL)


@pytest.fixture
def hearthline_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give an empty HEARTHLINE_HOME. Not pytest's own folder: its long path leaves no room for a socket's."""
    home = Path(tempfile.mkdtemp(prefix="hl-"))
    monkeypatch.setenv("HEARTHLINE_HOME", str(home))
    yield home
    shutil.rmtree(home)


@pytest.fixture
def model_home(hearthline_home: Path, test_model_dir: Path) -> Path:
    """Give a HEARTHLINE_HOME in which the test model is installed."""
    (hearthline_home / "data").mkdir()
    (hearthline_home / "data" / "models").symlink_to(test_model_dir.parent)
    return hearthline_home
