"""Fetch one file over HTTP: resumed where it stopped, retried, and taken only when its hash is right.

Bytes go to `NAME.part`; the file gets its name once it is whole and verified. A cut connection, a kill or
Ctrl-C leaves the part, and the next attempt asks for the rest by HTTP Range.
"""

import os
import re
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from inference import __version__
from inference.errors import HashMismatch, SourceUnreachable
from inference.models.lock import sha256_of

# Pauses before each new attempt; an attempt that brought bytes begins the list anew.
_PAUSES_S = (0.5, 1.0, 2.0, 4.0)
_BLOCK_BYTES = 1 << 20
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at `url`, called `name` here. size and sha256 are None where the source does not tell them.

    refusal: what to tell a person when the source answers that this file may not be read.
    """

    url: str
    name: str
    size: int | None = None
    sha256: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    refusal: str | None = None


class _Interrupted(Exception):
    """The connection ended early or the server was busy: worth another attempt."""


def http_client() -> httpx.Client:
    """Make the client for every fetch. Certificates and proxies are those the environment names."""
    verify: ssl.SSLContext | bool = True
    for variable in _CERTIFICATE_VARIABLES:
        path = os.environ.get(variable)
        if path and Path(path).is_file():
            verify = ssl.create_default_context(cafile=path)
            break
    return httpx.Client(
        timeout=httpx.Timeout(30.0, connect=5.0),
        follow_redirects=True,
        verify=verify,
        headers={"User-Agent": f"hearthline/{__version__}", "Accept-Encoding": "identity"},
        mounts={"file://": _Folder()},
    )


class _Folder(httpx.BaseTransport):
    """Answers for `file://` addresses, which pip's settings may name as an index: a folder by its index.html."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = Path(request.url.path)
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            return httpx.Response(httpx.codes.NOT_FOUND)
        return httpx.Response(httpx.codes.OK, content=_blocks(path))


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def reason(error: Exception) -> str:
    """Say what happened in one line: the error's own words without numbers for programmers."""
    first_line = str(error).partition("\n")[0]
    return re.sub(r"^\[Errno -?\d+\] ", "", first_line) or type(error).__name__


def download(client: httpx.Client, file: RemoteFile, directory: Path, on_done: Callable[[int], None]) -> Path:
    """Fetch `file` into `directory`; return its path at once when it is there already and right.

    What came and is wrong is thrown away and fetched once more from its beginning: a part that was kept from an
    earlier attempt may have been of another file.

    on_done gets the number of the file's bytes that are here. Raises SourceUnreachable, HashMismatch, OSError.
    """
    path = directory / file.name
    if path.is_file() and _is_right(path, file):
        on_done(path.stat().st_size)
        return path
    part = directory / f"{file.name}.part"
    for _ in range(2):
        _fetch_with_retries(client, file, part, on_done)
        if _is_right(part, file):
            part.replace(path)
            return path
        part.unlink()
    raise HashMismatch(
        f"{file.name} from {_host(file)} is not the file that was promised (its sha256 differs), twice, so it was "
        "thrown away: the source or a proxy on the way is wrong"
    )


def _fetch_with_retries(client: httpx.Client, file: RemoteFile, part: Path, on_done: Callable[[int], None]) -> None:
    attempt = 0
    while True:
        before = _size(part)
        try:
            _fetch_rest(client, file, part, on_done)
            return
        except (_Interrupted, httpx.TransportError) as error:
            attempt = 0 if _size(part) > before else attempt
            if attempt == len(_PAUSES_S):
                raise SourceUnreachable(
                    f"{file.name} cannot be fetched from {_host(file)}: {reason(error)}; what came is kept, "
                    "pull again to go on"
                ) from error
            time.sleep(_PAUSES_S[attempt])
            attempt += 1


def _fetch_rest(client: httpx.Client, file: RemoteFile, part: Path, on_done: Callable[[int], None]) -> None:
    """Append what is missing to `part`. Raises _Interrupted, httpx.TransportError, SourceUnreachable."""
    start = _size(part)
    if file.size is not None and start >= file.size:
        on_done(start)
        return
    headers = {**file.headers, "Range": f"bytes={start}-"} if start else file.headers
    with client.stream("GET", file.url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()
            raise _Interrupted("the server does not have that much of it")
        _require_success(response, file)
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT and response.headers.get(
            "Content-Range", ""
        ).startswith(f"bytes {start}-")
        done = start if resumed else 0
        with part.open("ab" if resumed else "wb") as out:
            # No block size: with one, what came before a cut is held back and lost.
            for block in response.iter_raw():
                out.write(block)
                done += len(block)
                on_done(done)
                if file.size is not None and done > file.size:
                    break
    if file.size is not None and done < file.size:
        raise _Interrupted(f"the connection ended after {done} of {file.size} bytes")


def _require_success(response: httpx.Response, file: RemoteFile) -> None:
    status = response.status_code
    if response.is_success:
        return
    reason = f"{status} {response.reason_phrase}".strip()
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise _Interrupted(f"the server answered {reason}")
    if file.refusal is not None and status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise SourceUnreachable(file.refusal)
    raise SourceUnreachable(f"{file.name} cannot be fetched from {_host(file)}: the server answered {reason}")


def _is_right(path: Path, file: RemoteFile) -> bool:
    if file.size is not None and path.stat().st_size != file.size:
        return False
    return file.sha256 is None or sha256_of(path) == file.sha256


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _host(file: RemoteFile) -> str:
    return httpx.URL(file.url).host
