"""A server that does nothing: what the pipes, the wake-ups and the bench's own client take of each figure.

`python -m tests.bench.bare_server LATENCY_S`. It answers as `tests.oracle_server` does: a fixed text after LATENCY_S,
and `probe/calls` with the time that it slept. It reads no document.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any


def main(latency_s: float) -> None:
    n_calls, took_s = 0, 0.0
    for message in _messages():
        if message["method"] == "exit":
            return
        if message["method"] == "textDocument/inlineCompletion":
            began_s = time.perf_counter()
            time.sleep(latency_s)
            n_calls, took_s = n_calls + 1, took_s + time.perf_counter() - began_s
            where = message["params"]["position"]
            item = {"insertText": "something_else(that, nobody, wanted)", "range": {"start": where, "end": where}}
            _answer(message, {"items": [item]})
        elif "id" in message:
            _answer(message, {"n": n_calls, "took_s": took_s} if message["method"] == "probe/calls" else {})


def _messages() -> Iterator[dict[str, Any]]:
    while header := sys.stdin.buffer.readline():
        sys.stdin.buffer.readline()
        yield json.loads(sys.stdin.buffer.read(int(header.partition(b":")[2])))


def _answer(request: dict[str, Any], result: object) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]))
