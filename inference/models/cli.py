"""`hearthline models list | recommend | pull | path | fit | verify | remove`: models on this machine, for a person.

Exit codes: 0 done, 1 could not (one sentence on stderr says why), 2 wrong usage, 130 interrupted.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from inference import paths, singleton
from inference.errors import CheckpointDamaged, InferenceError, ModelHeld, ModelMissing, ModelUnknown
from inference.models import lock, store
from inference.models.catalogue import CATALOGUE, DEFAULT_MODEL, ModelSpec
from inference.models.progress import Stage
from inference.models.reference import is_gguf, is_path
from inference.models.reporters import LineReporter, TerminalReporter, size_text
from inference.models.store import InstalledModel

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
        if arguments.command == "recommend":
            return _recommend(output, arguments.json)
        if arguments.command == "verify":
            return _verify(output, errors, arguments.names, arguments.json)
        if arguments.command == "remove":
            return _remove(output, errors, arguments.name)
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
    recommending = commands.add_parser("recommend", help="which models suit this machine, and why")
    recommending.add_argument("--json", action="store_true", help="for programs")
    pulling = commands.add_parser("pull", help="fetch a model, verify it and make it ready to run")
    pulling.add_argument(
        "name",
        nargs="?",
        default=DEFAULT_MODEL,
        help=f"of the list, or org/name[@revision] or org/name:file.gguf on the hub, or ./file.gguf; "
        f"default: {DEFAULT_MODEL}",
    )
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
    removing = commands.add_parser("remove", help="remove a model and what was fetched of it")
    removing.add_argument("name")
    return parser


def _list(output: Console, as_json: bool) -> int:
    here = {model.name: model for model in store.installed()}
    others = [name for name in here if name not in CATALOGUE]
    if as_json:
        _print_json(output, [_row(name, CATALOGUE.get(name), here.get(name)) for name in (*CATALOGUE, *others)])
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model", overflow="fold")
    table.add_column("roles")
    table.add_column("download", justify="right", no_wrap=True)
    table.add_column("on disk", justify="right", no_wrap=True)
    table.add_column("licence", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name in (*CATALOGUE, *others):
        spec, model = CATALOGUE.get(name), here.get(name)
        roles = _roles(spec, model) or ()
        table.add_row(
            f"[bold]{name}[/]" if model else name,
            "both" if len(roles) == len(_ROLES) else " ".join(roles),
            size_text(spec.source.n_bytes) if spec else "",
            f"[green]{size_text(model.size_bytes)}[/]" if model else "[dim]-[/]",
            spec.licence if spec else "",
            "default" if name == DEFAULT_MODEL else "",
        )
    output.print(table)
    if not here:
        output.print("\nNone is on this machine yet; fetch the default with: [bold]hearthline models pull[/]")
    return 0


def _row(name: str, spec: ModelSpec | None, model: InstalledModel | None) -> dict[str, object]:
    """Describe a model for programs; null stands for what is not known here."""
    return {
        "name": name,
        "roles": _roles(spec, model),
        "download_bytes": spec.source.n_bytes if spec else None,
        "licence": spec.licence if spec else None,
        "default": name == DEFAULT_MODEL,
        "installed": model is not None,
        "size_bytes": model.size_bytes if model else None,
        "path": str(model.directory) if model else None,
        "source": model.source if model else None,
        "revision": model.revision if model else None,
    }


def _roles(spec: ModelSpec | None, model: InstalledModel | None) -> tuple[str, ...] | None:
    """Tell what a model is for; None for one that is in no catalogue."""
    if model is not None and model.is_adapter:
        return ("adapter",)
    return spec.roles if spec else None


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


def _remove(output: Console, errors: Console, name: str) -> int:
    # Slow to import, and needed by this command alone.
    from inference.models.pull import remove

    if is_path(name):
        if not is_gguf(name):
            raise ModelUnknown(f"{name} is yours, not one that was pulled; remove it as any other folder")
        name = store.checkpoint_dir(name).name
    held = _held_by_worker()
    if held is None or name in held:
        raise ModelHeld(f"the worker holds {name} or is loading; stop it first: hearthline worker stop")
    size = remove(name, LineReporter(errors))
    output.print(f"{name} is removed, {size_text(size)}", markup=False, highlight=False, soft_wrap=True)
    return 0


def _held_by_worker() -> list[str] | None:
    """List the models that the running worker holds, none where none runs; None while it does not say."""
    health = singleton.probe(paths.socket_path())
    if health is None:
        return []
    models = health.get("models")
    if health.get("status") == "loading" or not isinstance(models, list):
        return None
    return [str(model["name"]) for model in models]


def _path(output: Console, name: str, as_json: bool) -> int:
    directory = store.checkpoint_dir(name)
    if as_json:
        _print_json(output, {"name": name, "path": str(directory)})
    else:
        output.print(str(directory), markup=False, highlight=False, soft_wrap=True)
    return 0


def _fit(output: Console, name: str, n_context: int | None, as_json: bool) -> int:
    # Imports MLX, as `_recommend` does.
    from inference.models.fit_command import fit

    code, sentence, shown = fit(name, n_context)
    output.print(shown if as_json else sentence, markup=False, highlight=False, soft_wrap=True)
    return code


def _recommend(output: Console, as_json: bool) -> int:
    # Imports MLX, as `_fit` does.
    from inference.models.recommend_command import run

    code, words, shown = run()
    output.print(shown if as_json else words, markup=False, highlight=False, soft_wrap=True)
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
