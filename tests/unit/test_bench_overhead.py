"""The floor of the overhead bench is measured with a server that answers and does nothing else."""

import sys
from pathlib import Path

import pytest

from tests.bench.json_rpc import open_server


@pytest.mark.anyio
async def test_the_bare_server_answers_and_tells_how_long_it_slept(tmp_path: Path) -> None:
    async with open_server([sys.executable, "-m", "tests.bench.bare_server", "0.01"], tmp_path, {}) as client:
        assert await client.call("probe/calls", {}) == {"n": 0, "took_s": 0.0}
        here = {"line": 3, "character": 7}
        answer = await client.call("textDocument/inlineCompletion", {"position": here})
        assert [item["range"]["start"] for item in answer["items"]] == [here]
        calls = await client.call("probe/calls", {})
        assert calls["n"] == 1
        assert calls["took_s"] >= 0.01
