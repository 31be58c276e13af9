"""`hearthline models list | pull | path | fit | verify`: a person's view of the models on this machine.

Exit codes: 0 done, 1 could not (one sentence on stderr says why), 2 wrong usage, 130 interrupted.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from inference import paths
from inference.errors import CheckpointDamaged, InferenceError, ModelMissing
from inference.models import lock, store
from inference.models.catalogue import CATALOGUE, DEFAULT_MODEL
from inference.models.progress import Stage
from inference.models.reporters import LineReporter, TerminalReporter, size_text

_ROLES = ("completion", "assistant")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = _parser().parse_args(argv)
    output, errors = Console(), Console(stderr=True)
    try:
        if arguments.command == "list":
            return _list(output, arguments.json)
        if arguments.command == "path":
            return _path(output, arguments.name, arguments.json)
        if arguments.command == "fit":
            return _fit(output, arguments.name, arguments.n_context, arguments.json)
        if arguments.command == "verify":
            return _verify(output, errors, arguments.names, arguments.json)
        return _pull(output, errors, arguments.name)
    except InferenceError as error:
        errors.print(f"hearthline: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        errors.print("stopped; what was fetched is kept, and the same command goes on from there")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hearthline models", description="Models on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="the models there are, and which are here")
    listing.add_argument("--json", action="store_true", help="for programs")
    pulling = commands.add_parser("pull", help="fetch a model, verify it and make it ready to run")
    pulling.add_argument("name", nargs="?", default=DEFAULT_MODEL, help=f"default: {DEFAULT_MODEL}")
    path = commands.add_parser("path", help="the folder of a model that is here")
    path.add_argument("name", nargs="?", default=DEFAULT_MODEL, help=f"default: {DEFAULT_MODEL}")
    path.add_argument("--json", action="store_true", help="for programs")
    fitting = commands.add_parser("fit", help="whether a model would run here, fetched or not")
    fitting.add_argument("name", nargs="?", default=DEFAULT_MODEL, help=f"default: {DEFAULT_MODEL}")
    fitting.add_argument("--n-context", type=int, metavar="N", help="with N tokens per request (default: all it can)")
    fitting.add_argument("--json", action="store_true", help="for programs")
    verifying = commands.add_parser("verify", help="hash every file of the models that are here")
    verifying.add_argument("names", nargs="*", metavar="name", help="default: all that are here")
    verifying.add_argument("--json", action="store_true", help="for programs")
    return parser


def _list(output: Console, as_json: bool) -> int:
    here = {model.name: model for model in store.installed()}
    if as_json:
        rows = [
            {
                "name": spec.name,
                "roles": spec.roles,
                "download_bytes": spec.gguf_bytes,
                "licence": spec.licence,
                "default": spec.name == DEFAULT_MODEL,
                "installed": spec.name in here,
                "size_bytes": here[spec.name].size_bytes if spec.name in here else None,
                "path": str(here[spec.name].directory) if spec.name in here else None,
            }
            for spec in CATALOGUE.values()
        ]
        _print_json(output, rows)
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model", no_wrap=True)
    table.add_column("roles")
    table.add_column("download", justify="right", no_wrap=True)
    table.add_column("on disk", justify="right", no_wrap=True)
    table.add_column("licence", no_wrap=True)
    table.add_column("", no_wrap=True)
    for spec in CATALOGUE.values():
        model = here.get(spec.name)
        table.add_row(
            f"[bold]{spec.name}[/]" if model else spec.name,
            "both" if len(spec.roles) == len(_ROLES) else " ".join(spec.roles),
            size_text(spec.gguf_bytes),
            f"[green]{size_text(model.size_bytes)}[/]" if model else "[dim]-[/]",
            spec.licence,
            "default" if spec.name == DEFAULT_MODEL else "",
        )
    output.print(table)
    if not here:
        output.print("\nNone is on this machine yet; fetch the default with: [bold]hearthline models pull[/]")
    return 0


def _pull(output: Console, errors: Console, name: str) -> int:
    # Slow to import, and needed by this command alone.
    from inference.models.pull import pull

    if errors.is_terminal:
        with TerminalReporter(errors) as reporter:
            directory = pull(name, reporter)
    else:
        directory = pull(name, LineReporter(errors))
    output.print(f"{name} is ready in {directory}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _path(output: Console, name: str, as_json: bool) -> int:
    directory = store.checkpoint_dir(name)
    if as_json:
        _print_json(output, {"name": name, "path": str(directory)})
    else:
        output.print(str(directory), markup=False, highlight=False, soft_wrap=True)
    return 0


def _fit(output: Console, name: str, n_context: int | None, as_json: bool) -> int:
    # Imports MLX, which no other command does.
    from inference.models.fit_command import fit

    code, sentence, shown = fit(name, n_context)
    output.print(shown if as_json else sentence, markup=False, highlight=False, soft_wrap=True)
    return code


def _verify(output: Console, errors: Console, names: Sequence[str], as_json: bool) -> int:
    directories = {name: store.checkpoint_dir(name) for name in names} or {
        model.name: model.directory for model in store.installed()
    }
    if not directories:
        raise ModelMissing(f"no model is in {paths.models_dir()}; fetch one with: hearthline models pull")
    problems = {name: _problem(directory, errors) for name, directory in directories.items()}
    if as_json:
        _print_json(
            output,
            [
                {"name": name, "path": str(directories[name]), "ok": problem is None, "problem": problem}
                for name, problem in problems.items()
            ],
        )
    else:
        for name, problem in problems.items():
            output.print(f"{name}: {problem or 'every file is as it was pulled'}", highlight=False, soft_wrap=True)
    return 1 if any(problems.values()) else 0


def _problem(directory: Path, errors: Console) -> str | None:
    """Verify one checkpoint; return what is wrong with it."""
    try:
        locked = lock.read_lock(directory)
        if locked is None:
            return f"{directory} has no lock file to compare with; only pulled models have one"
        total = sum(file.size for file in locked.files.values())
        if not errors.is_terminal:
            lock.verify(directory, locked)
            return None
        with TerminalReporter(errors) as reporter:
            done = 0

            def advance(n_bytes: int) -> None:
                nonlocal done
                done += n_bytes
                reporter.progress(Stage.VERIFY, done, total)

            lock.verify(directory, locked, advance)
    except CheckpointDamaged as error:
        return str(error)
    return None


def _print_json(output: Console, value: object) -> None:
    output.print(json.dumps(value, indent=2), markup=False, highlight=False, soft_wrap=True)
