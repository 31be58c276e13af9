"""The review process from its parent's end: started, killed, hung, and what becomes of who waits."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from lsp_server.review_process.messages import (
    Done,
    FindIgnores,
    Forget,
    HoldProject,
    Ignores,
    Reviewed,
    ReviewFile,
    ReviewText,
)
from lsp_server.review_process.process import WAIT_S, ReviewClosed, ReviewProcess, ReviewUnavailable
from tests.lsp_client import wait_until

COMMAND = (sys.executable, str(Path(__file__).parents[1] / "review_child.py"))
URI = "file:///project/a.py"

pytestmark = pytest.mark.anyio


def text(code: str, uri: str = URI) -> ReviewText:
    return ReviewText(uri, 1, "python", code)


@pytest.fixture
async def process() -> AsyncIterator[ReviewProcess]:
    process = ReviewProcess(COMMAND)
    yield process
    await process.close()


async def n_findings(process: ReviewProcess, code: str, uri: str = URI) -> int:
    return len((await process.ask(text(code, uri), Reviewed)).findings)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


async def test_it_starts_when_it_is_needed_and_ends_when_it_is_closed(process: ReviewProcess) -> None:
    assert process.pid is None
    assert await n_findings(process, "danger(x)\n") == 1
    pid = process.pid
    assert pid is not None
    await process.close()
    assert process.pid is None
    assert not is_alive(pid)
    with pytest.raises(ReviewClosed):
        await n_findings(process, "danger(x)\n")


async def test_each_request_gets_its_own_answer(process: ReviewProcess) -> None:
    codes = ["danger(x)\n" * number for number in range(20)]
    assert await asyncio.gather(*(n_findings(process, code) for code in codes)) == list(range(20))


async def test_one_that_was_killed_is_started_again(process: ReviewProcess) -> None:
    assert await n_findings(process, "danger(x)\n") == 1
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert await n_findings(process, "danger(y)\n") == 1
    assert process.pid not in (None, first)


async def test_a_text_that_kills_it_is_left_out_and_others_are_not(process: ReviewProcess) -> None:
    reviewed = await process.ask(text("die()\n"), Reviewed)
    assert reviewed.skipped == "the review broke down at it"
    assert (await process.ask(text("danger(x)\n"), Reviewed)).skipped == reviewed.skipped
    assert await n_findings(process, "danger(x)\n", "file:///project/b.py") == 1
    await process.ask(Forget(URI), Done)
    assert await n_findings(process, "danger(x)\n") == 1


async def test_a_text_that_holds_it_is_left_out(process: ReviewProcess) -> None:
    await n_findings(process, "")
    process._wait_s = 0.2
    reviewed = await process.ask(text("hang()\n"), Reviewed)
    assert reviewed.skipped == "the review took longer than 0.2 s"
    process._wait_s = WAIT_S
    assert await n_findings(process, "danger(x)\n", "file:///project/b.py") == 1


async def test_a_text_that_computes_for_too_long_is_left_out(process: ReviewProcess) -> None:
    process._wait_s = 200  # of a busy machine's time; it ends itself after its own
    reviewed = await process.ask(text("spin()\n"), Reviewed)
    assert reviewed.skipped == "the review took longer than 2 s"
    assert await n_findings(process, "danger(x)\n", "file:///project/b.py") == 1


async def test_a_document_is_tried_again_after_a_while() -> None:
    now = 0.0
    process = ReviewProcess(COMMAND, clock=lambda: now)
    process._not_before = -1e9
    await process.ask(text("die()\n"), Reviewed)
    now = 100.0
    assert await n_findings(process, "danger(x)\n") == 1
    await process.close()


async def test_whoever_leaves_disturbs_nobody(process: ReviewProcess) -> None:
    leaving = asyncio.ensure_future(n_findings(process, "danger(x)\n" * 3))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await n_findings(process, "danger(x)\n") == 1


async def test_a_request_that_nobody_wants_any_more_is_not_sent(process: ReviewProcess) -> None:
    with pytest.raises(ReviewClosed):
        await process.ask(text("die()\n"), Reviewed, lambda: False)
    assert process.pid is None


async def test_while_it_dies_again_and_again_nobody_waits_long() -> None:
    process = ReviewProcess((sys.executable, "-c", "pass"))
    for _ in range(3):
        with pytest.raises(ReviewUnavailable, match="cannot be started"):
            await n_findings(process, "")
    process._not_before += 600
    with pytest.raises(ReviewUnavailable, match="died 3 times in a row; it is started again in 60"):
        await n_findings(process, "")
    await process.close()


async def test_closing_lets_those_go_who_wait(process: ReviewProcess) -> None:
    await n_findings(process, "")
    waiting = [asyncio.ensure_future(process.ask(text("hang()\n"), Reviewed)) for _ in range(2)]
    await asyncio.sleep(0.05)
    await process.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ReviewClosed, ReviewClosed]


@pytest.mark.parametrize(
    "command",
    [("/no/such/program",), (sys.executable, "-c", "pass"), (sys.executable, "-c", "print('hello, I am another')")],
)
async def test_one_that_cannot_be_started_is_said(command: tuple[str, ...]) -> None:
    process = ReviewProcess(command)
    with pytest.raises(ReviewUnavailable, match="cannot be started"):
        await n_findings(process, "danger(x)\n")
    await process.close()


async def test_what_a_project_ignores_outlives_the_process(process: ReviewProcess, tmp_path: Path) -> None:
    entry = '[[review.ignore]]\nrule = "sql-injection"\npath = "**"\nreason = "tests"\n'
    await process.ask(HoldProject(str(tmp_path / ".hearthline.toml"), entry), Done)
    request = ReviewText(URI, 1, "python", "danger(x)\n", str(tmp_path / "a.py"))
    assert (await process.ask(request, Reviewed)).findings == ()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    assert (await process.ask(request, Reviewed)).findings == ()


async def test_a_file_on_the_disk(process: ReviewProcess, tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes("é = 1\r\ndanger('😀')\r\n".encode())
    reviewed = await process.ask(ReviewFile(str(file)), Reviewed)
    assert [judged.finding.place.line for judged in reviewed.findings] == [1]
    assert reviewed.lines == {1: "danger('😀')"}
    file.write_bytes(b"danger(x)\0")
    assert "binary" in (await process.ask(ReviewFile(str(file)), Reviewed)).skipped
    assert (await process.ask(ReviewFile(str(tmp_path)), Reviewed)).skipped == "it cannot be read"


async def test_the_edits_of_actions(process: ReviewProcess, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    request = FindIgnores("python", "danger(x)\n", "sql-injection", 0, "\n", str(tmp_path / "a.py"))
    ignores = await process.ask(request, Ignores)
    assert ignores.line is not None
    assert ignores.file is not None
    assert (ignores.project_path, ignores.project_text) == (str(tmp_path / ".hearthline.toml"), None)
    assert await process.ask(msgspec.structs.replace(request, line=99), Ignores) == Ignores()


async def test_it_ends_with_its_parent() -> None:
    program = (
        "import asyncio, sys\n"
        "from lsp_server.review_process.messages import Reviewed, ReviewText\n"
        "from lsp_server.review_process.process import ReviewProcess\n"
        "async def main():\n"
        f"    process = ReviewProcess({COMMAND!r})\n"
        "    await process.ask(ReviewText('file:///a', 1, 'python', ''), Reviewed)\n"
        "    print(process.pid, flush=True)\n"
        "    await asyncio.sleep(3600)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    wait_until(lambda: not is_alive(pid), "the review process ends")
