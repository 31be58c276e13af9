"""The `hearthline` command: reads the arguments and hands over to one subject.

`worker` and `models` belong to the other half of the program and replace this process, so that nothing here ever
loads MLX. Everything else is imported only when it is asked for: an editor waits for `hearthline lsp` to start.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from lsp_server import __version__

_DESCRIPTION = "A private code assistant on your own machine."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own); return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in _INFERENCE_COMMANDS:
        return _replace_by_inference(arguments)
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


_INFERENCE_COMMANDS = {"worker": ["serve"], "models": ["models"]}


def _replace_by_inference(arguments: list[str]) -> int:
    """Become `python -P -m inference`; `-P` keeps a folder named `inference` in the workspace out of the way."""
    command, *rest = arguments
    if command == "worker" and rest and rest[0] in ("status", "stop", "pause", "resume"):
        words = rest
    elif command == "worker" and rest and rest[0] == "run":
        words = ["serve", *rest[1:]]
    else:
        words = [*_INFERENCE_COMMANDS[command], *rest]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "inference", *words])  # noqa: S606  our own interpreter


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hearthline", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"hearthline {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    lsp = commands.add_parser("lsp", help="the language server, over stdin and stdout (editors start this)")
    lsp.add_argument("--stdio", action="store_true", help="accepted because many clients add it; always the case")
    lsp.set_defaults(run=_lsp)

    commands.add_parser(
        "worker", help="the inference worker: run (default), status, stop, pause or resume", add_help=False
    )
    commands.add_parser(
        "models", help="models on this machine: list, recommend, pull, path, fit, verify or remove", add_help=False
    )

    attempt = commands.add_parser("try", help="watch a model complete sample code through the language server")
    attempt.add_argument("--model", metavar="NAME", help="completion model (default: the embedded one)")
    attempt.set_defaults(run=_try)

    complete = commands.add_parser("complete", help="complete a file of yours at one place")
    complete.add_argument("place", metavar="FILE:LINE:COL", help="line and column count from 1, as compilers do")
    complete.add_argument("--model", metavar="NAME", help="completion model (default: the embedded one)")
    complete.add_argument(
        "--json", action="store_true", help="one JSON object on stdout; `text` is what would be shown"
    )
    complete.set_defaults(run=_complete)

    review = commands.add_parser("review", help="look for security weaknesses in files and folders; 1 if there are any")
    review.add_argument("places", metavar="PATH", nargs="+", help="files and folders; folders as git sees them")
    review.add_argument("--format", choices=["text", "json", "sarif"], default="text", help="default: %(default)s")
    review.add_argument("--since", metavar="REV", help="only what did not stand there already at this git revision")
    review.add_argument(
        "--min-confidence",
        choices=["low", "medium", "high"],
        default="medium",
        help="leave out what is less sure (default: %(default)s)",
    )
    review.add_argument(
        "--model",
        metavar="NAME",
        nargs="?",
        const="",
        help="have a model judge each finding, which takes a while each (without NAME: the default one)",
    )
    review.set_defaults(run=_review)

    stats = commands.add_parser("stats", help="what became of the suggestions, from figures kept on this machine alone")
    stats.add_argument("--days", type=int, default=30, metavar="N", help="the last N days (default: %(default)s)")
    stats.add_argument("--json", action="store_true", help="one JSON object on stdout")
    stats.set_defaults(run=_stats)

    init = commands.add_parser("init", help="what your editor has to be told, printed or written")
    init.add_argument("editor", choices=["vscode", "neovim", "emacs", "helix", "zed", "sublime", "kate"])
    init.add_argument("--write", action="store_true", help="write it, after showing the change and asking")
    init.add_argument("--yes", action="store_true", help="with --write: do not ask")
    init.set_defaults(run=_init)

    doctor = commands.add_parser("doctor", help="check this installation and say what to do about what is wrong")
    doctor.add_argument("--json", action="store_true", help="one JSON object on stdout")
    doctor.set_defaults(run=_doctor)
    return parser


def _lsp(_options: argparse.Namespace) -> int:
    from lsp_server.server import main as serve

    return serve()


def _try(options: argparse.Namespace) -> int:
    from lsp_server.commands.attempt import run

    return run(options.model)


def _complete(options: argparse.Namespace) -> int:
    from lsp_server.commands.complete import run

    return run(options.place, options.model, as_json=options.json)


def _review(options: argparse.Namespace) -> int:
    from inference.models.catalogue import DEFAULT_MODEL
    from lsp_server.commands.review import run
    from lsp_server.review.finding import Confidence

    model = DEFAULT_MODEL if options.model == "" else options.model
    least = Confidence[options.min_confidence.upper()]
    return run(options.places, options.format, options.since, least, model)


def _stats(options: argparse.Namespace) -> int:
    from lsp_server.commands.stats import run

    return run(options.days, as_json=options.json)


def _init(options: argparse.Namespace) -> int:
    from lsp_server.commands.init import run

    return run(options.editor, write=options.write, yes=options.yes)


def _doctor(options: argparse.Namespace) -> int:
    from lsp_server.commands.doctor import run

    return run(as_json=options.json)


if __name__ == "__main__":
    raise SystemExit(main())
