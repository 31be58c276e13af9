"""What a bench needs for the language server with an engine that knows how a file goes on (`tests.oracle_server`)."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

COMMAND = [sys.executable, "-m", "tests.oracle_server"]


@dataclass(frozen=True, slots=True)
class Oracle:
    """after: the file as it will be; wrong_share: of its lines, those where the engine says something else."""

    after: str
    latency_s: float = 0.0
    token_latency_s: float = 0.0
    wrong_share: float = 0.0


@contextmanager
def oracle_home() -> Iterator[tuple[Path, Path]]:
    """Give a fresh home and a workspace beside it, whose index sees nothing of what is written to the home."""
    with TemporaryDirectory(prefix="hl-") as folder:
        home, workspace = Path(folder).resolve() / "home", Path(folder).resolve() / "workspace"
        home.mkdir()
        workspace.mkdir()
        yield home, workspace


def oracle_env(home: Path, oracle: Oracle) -> dict[str, str]:
    """Write down what the engine shall know; return what the server's environment says of it."""
    script = home / "oracle.json"
    script.write_text(json.dumps(asdict(oracle)))
    return {"ORACLE": str(script), "HEARTHLINE_HOME": str(home)}
