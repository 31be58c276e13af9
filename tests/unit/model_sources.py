"""A package index and a model hub on loopback, with the faults a network has."""

import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HUB_REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Sources:
    """What the server offers and how it misbehaves. Paths begin with a slash.

    cut_after: of a path, the next answers end after so many bytes, one entry each. hold_after: answers stop
    after so many bytes until `release` is set. statuses: of a path, the next answers' status. error_codes: of a path,
    what the hub calls its refusals. tokens: the Authorization headers that came.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    content_types: dict[str, str] = field(default_factory=dict)
    cut_after: dict[str, list[int]] = field(default_factory=dict)
    hold_after: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    error_codes: dict[str, str] = field(default_factory=dict)
    ignores_range: bool = False
    release: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)

    @property
    def index_url(self) -> str:
        return f"{self.url}/simple"

    def ranges_of(self, path: str) -> list[str | None]:
        """List the Range headers of the requests for `path`."""
        return [value for asked, value in self.requests if asked == path]

    def add_wheel(
        self, distribution: str, version: str, wheel: bytes, sha256: str | None = None, as_html: bool = False
    ) -> str:
        """Offer a wheel on the index; return its path. sha256: what the index claims, the truth by default."""
        name = f"{distribution.replace('-', '_')}-{version}-py3-none-any.whl"
        path = f"/files/{name}"
        self.files[path] = wheel
        digest = sha256 or hashlib.sha256(wheel).hexdigest()
        page = f"/simple/{distribution}/"
        if as_html:
            self.files[page] = f'<a href="../..{path}#sha256={digest}">{name}</a>'.encode()
            self.content_types[page] = "text/html"
        else:
            entry = {"filename": name, "url": f"../..{path}", "hashes": {"sha256": digest}, "size": len(wheel)}
            value = {"meta": {"api-version": "1.1"}, "name": distribution, "files": [entry]}
            self.files[page] = json.dumps(value).encode()
            self.content_types[page] = "application/vnd.pypi.simple.v1+json"
        return path

    def add_hub_file(self, repository: str, filename: str, content: bytes) -> str:
        """Offer a repository with one large file on the hub at `HUB_REVISION`; return the file's path."""
        return self.add_hub_repository(repository, {filename: content})[filename]

    def add_hub_repository(
        self, repository: str, files: dict[str, bytes], revision: str = HUB_REVISION, branch: str | None = None
    ) -> dict[str, str]:
        """Offer `files` on the hub, at the commit `revision` and as main or `branch`; return their paths."""
        siblings = []
        for filename, content in files.items():
            sibling: dict[str, object] = {"rfilename": filename, "size": len(content), "blobId": "0" * 40}
            if not filename.endswith((".json", ".jinja", ".py", ".md")):
                digest = hashlib.sha256(content).hexdigest()
                sibling["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
            siblings.append(sibling)
        value = {"_id": "1", "id": repository, "modelId": repository, "sha": revision, "siblings": siblings}
        page = f"/api/models/{repository}"
        for address in (f"{page}/revision/{revision}", f"{page}/revision/{branch}" if branch else page):
            self.files[address] = json.dumps(value).encode()
            self.content_types[address] = "application/json"
        paths = {filename: f"/{repository}/resolve/{revision}/{filename}" for filename in files}
        self.files.update({paths[filename]: content for filename, content in files.items()})
        return paths

    def offer_search(self, repositories: list[str]) -> None:
        """Let the hub find `repositories`, whatever is searched for."""
        self.files["/api/models"] = json.dumps([{"_id": "1", "id": name} for name in repositories]).encode()
        self.content_types["/api/models"] = "application/json"


def make_wheel(path: Path, members: dict[str, bytes]) -> bytes:
    """Make a wheel of `members` at `path`; return its bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path.read_bytes()


@contextmanager
def serve_sources() -> Iterator[Sources]:
    """Serve on a free port of the loopback interface until the block ends."""
    sources = Sources()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(self, sources)

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sources.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield sources
    finally:
        sources.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, sources: Sources) -> None:
    path = handler.path.partition("?")[0]
    wanted = handler.headers.get("Range")
    sources.requests.append((path, wanted))
    sources.tokens.add(handler.headers.get("Authorization"))
    content = sources.files.get(path)
    statuses = sources.statuses.get(path, [])
    if content is None or statuses:
        handler.send_response(statuses.pop(0) if statuses else 404)
        if code := sources.error_codes.get(path, "RepoNotFound" if path.startswith("/api/models/") else ""):
            handler.send_header("X-Error-Code", code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    start = 0
    if wanted and not sources.ignores_range:
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    else:
        handler.send_response(200)
    handler.send_header("Content-Type", sources.content_types.get(path, "application/octet-stream"))
    handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    _send(handler, sources, path, content[start:])


def _send(handler: BaseHTTPRequestHandler, sources: Sources, path: str, body: bytes) -> None:
    cuts = sources.cut_after.get(path, [])
    if cuts:
        body = body[: cuts.pop(0)]
        handler.close_connection = True
    hold = sources.hold_after.get(path)
    try:
        if hold is not None and not sources.release.is_set():
            handler.wfile.write(body[:hold])
            handler.wfile.flush()
            sources.release.wait(60)
            body = body[hold:]
        handler.wfile.write(body)
    except ConnectionError:
        handler.close_connection = True
