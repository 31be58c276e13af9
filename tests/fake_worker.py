"""A worker without a model: `python -m tests.fake_worker`, started by the launcher under test.

It takes the real lock and binds the real socket; what it does beyond is in `plan.json` of HEARTHLINE_HOME. It adds its
process id to `started` when it runs, and to `serving` when it has won the lock.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from inference import WIRE_VERSION, paths, singleton

HOME = Path(os.environ["HEARTHLINE_HOME"])


def note(name: str) -> None:
    with (HOME / name).open("a") as file:
        file.write(f"{os.getpid()}\n")


def response(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


class FakeWorker:
    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.n_health = 0
        self.stopped = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = next((int(line.split(":")[1]) for line in head.split("\r\n") if "content-length" in line), 0)
                await reader.readexactly(length)
                await self.answer(head.split()[1], writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        if path == "/health":
            self.n_health += 1
            is_loading = self.n_health <= self.plan.get("n_loading", 0)
            if self.n_health == self.plan.get("die_at_health"):
                os._exit(9)
            health = {
                "status": "loading" if is_loading else "ready",
                "progress": self.n_health / 10 if is_loading else 1.0,
                "wire": self.plan.get("wire", WIRE_VERSION),
                "pid": os.getpid(),
                "models": [{"name": self.plan.get("model", "m"), "prefill_tokens_per_s": 100.0}],
            }
            writer.write(response(json.dumps(health).encode()))
        elif path == "/control/stop":
            writer.write(response(b"{}"))
            self.stopped.set()
        else:
            await self.complete(writer)

    async def complete(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for text, finish in (("a", None), ("b", None), ("", "stop")):
            chunk = {"choices": [{"text": text, "finish_reason": finish}]}
            writer.write(f"data: {json.dumps(chunk)}\n\n".encode())
            await writer.drain()
            if finish is None and self.plan.get("hangs_in_stream"):
                await asyncio.Event().wait()
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()
        raise ConnectionError


async def main() -> int:
    note("started")
    plan = json.loads((HOME / "plan.json").read_text())
    if "exit_code" in plan:
        singleton.write_last_exit(paths.runtime_dir(), plan["exit_code"], plan["exit_message"])
        return int(plan["exit_code"])
    try:
        lock = singleton.WorkerLock(paths.runtime_dir())
    except singleton.AlreadyRunning:
        return 0
    with lock:
        note("serving")
        worker = FakeWorker(plan)
        listener = singleton.bind(paths.socket_path())
        server = await asyncio.start_unix_server(worker.serve, sock=listener)
        await worker.stopped.wait()
        paths.socket_path().unlink()
        server.close()
        singleton.write_last_exit(paths.runtime_dir(), 0, "stopped")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
