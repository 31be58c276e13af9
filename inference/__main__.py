"""`python -P -m inference`: what `hearthline worker` and `hearthline models` become. Nothing heavy is imported here."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from inference import paths, singleton
from inference.errors import BlasError
from inference.models.catalogue import DEFAULT_MODEL

_STOP_TIMEOUT_S = 10.0


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that `words` name; return the exit code."""
    words = sys.argv[1:] if words is None else list(words)
    if words[:1] == ["models"]:
        from inference.models import cli

        return cli.main(words[1:])
    arguments = _parser().parse_args(words)
    if arguments.command == "serve":
        from inference.serve import ExitCode, ServeOptions, exit_now, serve

        if not _convert_files((arguments.model, arguments.assistant_model)):
            return ExitCode.LOAD_FAILED

        options = ServeOptions(
            arguments.model,
            arguments.assistant_model,
            arguments.n_context,
            arguments.idle_exit_s,
            reuses_suffixes=not arguments.no_suffix_reuse,
            speculates=not arguments.no_speculation,
            memory_gb=arguments.memory_gb,
            background_on_battery=arguments.background_on_battery,
            idle_unload_s=arguments.idle_unload_s,
            adapter=arguments.adapter,
            assistant_adapter=arguments.assistant_adapter,
        )
        exit_now(serve(options))
    if arguments.command == "probe":
        return _probe()
    if arguments.command == "pause":
        return _steer("/control/pause", {} if arguments.for_s is None else {"for_s": arguments.for_s})
    if arguments.command == "resume":
        return _steer("/control/resume", {})
    return _status() if arguments.command == "status" else _stop()


def _convert_files(models: Sequence[str | None]) -> bool:
    """Convert those of `models` that are GGUF files and were not yet; tell whether all could be.

    In processes of their own, since converting imports MLX, and a worker loads a fast BLAS before that.
    """
    from inference.models import store

    files = [model for model in models if model is not None and store.needs_conversion(model)]
    command = (sys.executable, "-P", "-m", "inference", "models", "pull")
    return all(subprocess.run([*command, file], stdout=sys.stderr, check=False).returncode == 0 for file in files)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hearthline worker", description="The inference worker, one per user.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", prog="hearthline worker", help="run it, until it is idle or stopped")
    serve.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME", help="completes code (default: %(default)s)")
    serve.add_argument("--assistant-model", metavar="NAME", help="chats (default: the same model)")
    for role, whose in (("", "the model"), ("assistant-", "the assistant model")):
        serve.add_argument(f"--{role}adapter", type=_folder, metavar="DIR", help=f"put this LoRA adapter into {whose}")
    serve.add_argument(
        "--idle-exit-s", type=_positive, default=1800.0, metavar="S", help="leave after so long without work"
    )
    serve.add_argument(
        "--idle-unload-s",
        type=_positive,
        default=600.0,
        metavar="S",
        help="give back an assistant model's weights after so long without work (default: %(default)g)",
    )
    serve.add_argument("--n-context", type=_context, metavar="N", help="hold at most N tokens per request")
    serve.add_argument(
        "--no-suffix-reuse", action="store_true", help="compute the text behind the cursor anew at every keystroke"
    )
    serve.add_argument("--no-speculation", action="store_true", help="compute every token by a step of its own")
    serve.add_argument(
        "--memory-gb", type=_positive, metavar="GB", help="take no more memory (default: a share of what there is)"
    )
    serve.add_argument("--background-on-battery", action="store_true", help="do background work on battery too")
    probe = commands.add_parser("probe", help="tell what MLX computes on, and how fast")
    probe.add_argument("--json", action="store_true", required=True, help="as one JSON object")
    commands.add_parser("status", prog="hearthline worker status", help="tell what the running worker does")
    pausing = commands.add_parser("pause", prog="hearthline worker pause", help="let background work wait")
    pausing.add_argument("--for-s", type=_positive, metavar="S", help="for so long (default: until resume)")
    commands.add_parser("resume", prog="hearthline worker resume", help="let background work go on")
    commands.add_parser("stop", prog="hearthline worker stop", help="stop the running worker")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


def _folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _context(text: str) -> int:
    value = int(text)
    if value < 64:
        raise argparse.ArgumentTypeError(f"{value} tokens are too few to work with; give 64 or more")
    return value


def _probe() -> int:
    from inference import blas

    try:
        choice = blas.load_fast_blas()
        from inference.device import describe_device

        device = describe_device()
    except (BlasError, ImportError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    found = {
        "device": device.kind,
        "device_name": device.name,
        "memory_bytes": device.memory_bytes,
        "blas": choice.name,
        "blas_path": choice.path,
        "blas_is_fast": choice.is_fast,
        "blas_reason": choice.reason,
        "gflops": round(blas.measure_gflops(), 1),
        "mlx_version": version("mlx"),
        "mlx_lm_version": version("mlx-lm"),
    }
    _write(json.dumps(found))
    return 0


def _status() -> int:
    health = singleton.probe(paths.socket_path())
    if health is None:
        last = singleton.read_last_exit(paths.runtime_dir())
        _write("no worker is running" + (f"; the last one ended because: {last['message']}" if last else ""))
        return 1
    models = health.get("models")
    names = ", ".join(str(model["name"]) for model in models) if isinstance(models, list) else ""
    words = [str(health.get(name)) for name in ("status", "message") if health.get(name)]
    _write(f"process {health.get('pid')}, version {health.get('version')}: {': '.join(words)}")
    if names:
        _write(f"holds {names} on {health.get('device_name')} ({health.get('blas')})")
        _write(f"{health.get('active')} requests running, {health.get('queued')} waiting")
    _write(_background(health))
    return 0


def _background(answer: dict[str, object]) -> str:
    reasons = answer.get("paused")
    if not isinstance(reasons, list) or not reasons:
        return "background work may run"
    return f"background work waits: {', '.join(map(str, reasons))}"


def _steer(path: str, body: dict[str, float]) -> int:
    answer = singleton.ask(paths.socket_path(), "POST", path, body=json.dumps(body).encode())
    if answer is None:
        _write("no worker is running")
        return 1
    _write(_background(answer))
    return 0


def _stop() -> int:
    if singleton.ask(paths.socket_path(), "POST", "/control/stop") is None:
        _write("no worker is running, so there is nothing to stop")
        return 0
    lock = paths.runtime_dir() / singleton.LOCK_NAME
    give_up_s = time.monotonic() + _STOP_TIMEOUT_S
    while lock.exists():
        if time.monotonic() > give_up_s:
            _write(f"the worker said it would stop and did not within {_STOP_TIMEOUT_S:g} s")
            return 1
        time.sleep(0.02)
    _write("the worker has stopped")
    return 0


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
