"""One run in the sandbox: a scratch folder, the shadow of the workspace in it, the command, what it reported.

Invariant: the scratch folder holds source text, so only this user can read it, and it is gone when the run is over.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inference import paths
from lsp_server.tests_for.framework import Framework, Result, Runs, TestCode, Trial
from lsp_server.tests_for.mutants import Mutant
from lsp_server.tests_for.sandbox import Limits, Sandbox
from lsp_server.tests_for.shadow import make_shadow
from lsp_server.tests_for.target import Target

_MEMORY_BYTES = 2 << 30
_PROCESSES = 64
_MOST_REPORT_CHARS = 8_000_000


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs tests of `target`."""

    target: Target
    framework: Framework
    sandbox: Sandbox

    async def run(self, tests: Sequence[TestCode], mutants: Sequence[Mutant] = (), turn: int = 0) -> Sequence[Result]:
        """Run `tests` as `framework` writes them; see `run_tests`."""
        return await run_tests(self.framework, self.target, self.sandbox, tests, mutants, turn)


async def run_tests(
    runs: Runs,
    target: Target,
    sandbox: Sandbox,
    tests: Sequence[TestCode],
    mutants: Sequence[Mutant] = (),
    turn: int = 0,
) -> Sequence[Result]:
    """Run `tests` and return what is known of them; see `Runs.trial`. Raises NotRun."""
    if not tests:
        return ()
    scratch = _make_scratch()

    def prepare() -> Trial:
        trial = runs.trial(target, tests, mutants, scratch, turn)
        make_shadow(target.workspace, scratch / "workspace", trial.shadow)
        _write_files(scratch, trial.files)
        return trial

    preparing = asyncio.ensure_future(asyncio.to_thread(prepare))
    try:
        trial = await asyncio.shield(preparing)
        ran = await sandbox.run(
            trial.command,
            workspace=target.workspace,
            scratch=scratch,
            readable=trial.readable,
            cwd=scratch / "workspace",
            environment={"TMPDIR": str(scratch / "tmp"), **trial.environment},
            limits=Limits(
                wall_s=trial.wall_s, cpu_s=int(trial.wall_s), memory_bytes=_MEMORY_BYTES, n_processes=_PROCESSES
            ),
        )
        report = ran.output if trial.report is None else await asyncio.to_thread(_read, scratch / trial.report)
        return runs.results(trial, report, ran.output + ran.errors)
    finally:
        await asyncio.shield(_clear(preparing, scratch))


async def _clear(preparing: asyncio.Future[Trial], scratch: Path) -> None:
    await asyncio.wait({preparing})  # who cancels does not stop the thread, which would go on writing
    await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)


def _make_scratch() -> Path:
    scratch = Path(tempfile.mkdtemp(prefix="tests-", dir=paths.runtime_dir())).resolve()
    scratch.chmod(0o755)  # the folder above is this user's alone; a sandbox of root's runs as somebody else
    (scratch / "tmp").mkdir()
    return scratch


def _write_files(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _read(path: Path) -> str:
    """Return what the run wrote, if it is a file of its own making: a link could lead out of the scratch folder."""
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(_MOST_REPORT_CHARS)
