"""The real language server with a scripted engine, and probes of its index: `python -m tests.indexing_server`.

`--hold-at N`: wait after every batch from file N on, so that a build is under way for as long as a test looks at it.
"""

import sys
import time
from typing import Any

from lsp_server.context.folder import FolderIndex
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.server import HearthlineServer, create_server, serve_stdio
from tests.loop_probes import register_loop_probes


def _register_probes(server: HearthlineServer) -> None:
    register_loop_probes(server)

    @server.feature("probe/definitions")
    async def definitions(params: dict[str, Any]) -> list[str]:
        index = server.session.index
        return [each.path for each in await index.definitions(params["name"], "")] if index else ["no index"]

    @server.feature("probe/search")
    async def search(params: dict[str, Any]) -> list[str]:
        index = server.session.index
        return [each.path for each in await index.search(params["text"])] if index else ["no index"]


def _hold_at(n_files: int) -> None:
    original = FolderIndex.reconcile

    def reconcile(self: FolderIndex, on_progress: Any, is_stopped: Any) -> set[str]:
        def report(done: int, total: int) -> None:
            on_progress(done, total)
            while done >= n_files and not is_stopped():
                time.sleep(0.01)

        return original(self, report, is_stopped)

    FolderIndex.reconcile = reconcile  # type: ignore[method-assign]


if __name__ == "__main__":
    if "--hold-at" in sys.argv:
        _hold_at(int(sys.argv[sys.argv.index("--hold-at") + 1]))
    indexing = create_server(ScriptedEngine([Rule("", "completed()")]))
    _register_probes(indexing)
    raise SystemExit(serve_stdio(indexing))
