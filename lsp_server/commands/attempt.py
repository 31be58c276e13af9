"""`hearthline try`: a person's first minute. Opens sample files in a real language server and types into them.

Nothing here is made up for show: the ghost text is what an editor would receive, from the model on this machine.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.status import Status
from rich.table import Table
from rich.text import Text

from inference import paths, singleton
from inference.errors import ModelError, ModelMissing
from inference.models import store
from inference.models.catalogue import DEFAULT_MODEL
from lsp_server.commands.editor import Editor, EngineStatus, one_answer, open_editor
from lsp_server.commands.samples import SCENES, Scene
from lsp_server.commands.terminal import GHOST_STYLE, answers, fail, with_ghost
from lsp_server.errors import HearthlineError
from lsp_server.languages import language_of


@dataclass(frozen=True, slots=True)
class Shown:
    """What one scene gave: the ghost text, and the milliseconds from the last keystroke to it."""

    ghost_text: str
    elapsed_ms: float


def run(model: str | None) -> int:
    """Show every scene. Exit code 0 when the model completed at least one; otherwise say why not."""
    console = answers()
    name = model or DEFAULT_MODEL
    try:
        exit_code = _fetch_if_missing(name, console)
        if exit_code:
            return exit_code
        with tempfile.TemporaryDirectory(prefix="hearthline-try-") as folder:
            return asyncio.run(_perform(name, Path(folder).resolve(), console))
    except KeyboardInterrupt:
        return 130
    except ModelError as error:
        return fail(str(error))
    except HearthlineError as error:
        return fail(f"{error}\nhearthline doctor looks for the cause.")


def _fetch_if_missing(name: str, console: Console) -> int:
    try:
        store.checkpoint_dir(name)
    except ModelMissing:
        console.print(f"First run: fetching the model [bold]{name}[/] once. Nothing else ever needs the network.")
        return subprocess.run([sys.executable, "-P", "-m", "inference", "models", "pull", name], check=False).returncode
    return 0


async def _perform(model: str, workspace: Path, console: Console) -> int:
    started = time.perf_counter()
    with console.status("starting the language server") as spinner:
        async with open_editor(workspace, one_answer(model), lambda status: _tell(spinner, status)) as editor:
            await editor.wait_until_ready()
            start_s = time.perf_counter() - started
            shown: list[Shown] = []
            for scene in SCENES:
                result = await _play(scene, editor, workspace)
                shown.append(result)
                _draw(scene, result, console)
            used = editor.status.model or model
    _summarise(used, shown, start_s, console)
    return 0 if any(result.ghost_text for result in shown) else fail("the model completed nothing")


def _tell(spinner: Status, status: EngineStatus) -> None:
    share = f" {status.progress:.0%}" if status.progress is not None else ""
    spinner.update(f"{status.message or status.state}{share}")


async def _play(scene: Scene, editor: Editor, workspace: Path) -> Shown:
    path = workspace / scene.file_name
    uri = editor.open(path, scene.before + scene.after, language_of(scene.file_name))
    line = scene.before.count("\n")
    column = len(scene.before) - (scene.before.rfind("\n") + 1)
    editor.type(uri, line, column, scene.typed)
    typed = time.perf_counter()
    ghost_text = await editor.inline_completion(uri, line, column + len(scene.typed))
    return Shown(ghost_text, (time.perf_counter() - typed) * 1000)


def _draw(scene: Scene, shown: Shown, console: Console) -> None:
    if not shown.ghost_text:
        console.print(f"[bold]{scene.file_name}[/]: nothing to suggest here")
        return
    document = with_ghost(
        scene.before + scene.typed, shown.ghost_text, scene.after, language_of(scene.file_name), console
    )
    caption = Text.assemble("typed ", (scene.typed.strip(), "bold"), f" · ghost text after {shown.elapsed_ms:.0f} ms")
    panel = Panel(
        document, title=scene.file_name, subtitle=caption, title_align="left", subtitle_align="right", width=88
    )
    console.print(panel)


def _summarise(model: str, shown: list[Shown], start_s: float, console: Console) -> None:
    health = singleton.probe(paths.socket_path()) or {}
    device = f"{health.get('device', '?')} ({health.get('device_name', '?')})"
    times = ", ".join(f"{result.elapsed_ms / 1000:.1f} s" for result in shown if result.ghost_text)
    table = Table.grid(padding=(0, 2))
    table.add_row("model", Text(model, "bold"))
    table.add_row("device", f"{device}, BLAS {health['blas']}" if health.get("blas") else device)
    table.add_row("start", f"{start_s:.1f} s until the model was ready")
    table.add_row("ghost text", f"after {times}")
    console.print(table)
    console.print()
    which = Text("marked") if console.color_system is None else Text("grey", GHOST_STYLE)
    console.print(Text.assemble("The ", which, " text came from the model, through the language server."))
    console.print("The worker stays for your editor and leaves when idle; `hearthline worker stop` ends it now.")
