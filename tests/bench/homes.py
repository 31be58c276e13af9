"""A bench's own home: the machine's models, and nothing else that is this user's.

Invariant: while `own_home` lasts, `HEARTHLINE_HOME` names a fresh folder; afterwards
its worker and the folder are gone.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference import paths, singleton
from inference.errors import ModelMissing
from inference.models import store

_END_DEADLINE_S = 10.0


def find_checkpoint(name: str) -> Path:
    """Give the checkpoint folder of `name`, pulled first where it is not here."""
    try:
        return store.checkpoint_dir(name)
    except ModelMissing:
        # Its progress is not the bench's answer.
        command = [sys.executable, "-P", "-m", "inference", "models", "pull", name]
        subprocess.run(command, check=True, stdout=sys.stderr)
        return store.checkpoint_dir(name)


@contextmanager
def own_home(checkpoint: Path) -> Iterator[Path]:
    """Give the measurement a worker of its own, with the model of this machine; yield a workspace."""
    before = os.environ.get("HEARTHLINE_HOME")
    with tempfile.TemporaryDirectory(prefix="hl-") as folder:
        home = Path(folder).resolve()
        models = home / "data" / "models"
        models.mkdir(parents=True)
        (models / checkpoint.name).symlink_to(checkpoint)
        workspace = home / "workspace"
        workspace.mkdir()
        os.environ["HEARTHLINE_HOME"] = str(home)
        try:
            yield workspace
        finally:
            singleton.ask(paths.socket_path(), "POST", "/control/stop")
            _wait_for_end(paths.runtime_dir() / singleton.LOCK_NAME)
            shutil.rmtree(paths.runtime_dir(), ignore_errors=True)
            if before is None:
                del os.environ["HEARTHLINE_HOME"]
            else:
                os.environ["HEARTHLINE_HOME"] = before


def _wait_for_end(lock: Path) -> None:
    deadline = time.monotonic() + _END_DEADLINE_S
    while lock.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
