"""A state of apt's own in a folder: one suite of one archive, and no package installed."""

import os
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Run = Callable[[list[str], str, dict[str, str] | None], str]
"""Runs a step; told also in words what has failed if it does, and its environment. Returns what it printed."""

_DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Any release of Debian knows where Ubuntu's archive is and whose keys it is signed with.
_KNOWS_UBUNTU = "trixie"


@dataclass(frozen=True, slots=True)
class Archive:
    """Where packages come from. mirror: its address; keyring: whose signatures are taken."""

    mirror: str
    keyring: Path
    components: str


def debian(run: Run) -> Archive:
    """Return Debian's archive, at the address from which this machine gets its own packages. Raises LookupError."""
    if not _DEBIAN_KEYRING.is_file():
        raise LookupError(f"fetching it needs the keys of Debian's archive, {_DEBIAN_KEYRING}")
    return Archive(_debian_mirror(run), _DEBIAN_KEYRING, "main")


def ubuntu(folder: Path, run: Run) -> Archive:
    """Return Ubuntu's archive: its address and keys as two packages of Debian's have them, unpacked into `folder`."""
    environment = write_apt_state(folder, debian(run), _KNOWS_UBUNTU, run)
    run(["apt-get", "update"], "Debian's package list cannot be fetched", environment)
    download = ["apt-get", "--yes", "--download-only", "install"]
    run([*download, "debootstrap", "ubuntu-keyring"], "what Debian knows of Ubuntu cannot be downloaded", environment)
    for name in ("debootstrap", "ubuntu-keyring"):
        (package,) = (folder / "cache/archives").glob(f"{name}_*.deb")
        run(["dpkg-deb", "--extract", str(package), str(folder)], f"{package.name} cannot be unpacked", None)
    # What its oldest script says holds for every release since.
    script = (folder / "usr/share/debootstrap/scripts/gutsy").read_text()
    mirror = re.search(r"default_mirror (http\S+/ubuntu)\b", script)
    if mirror is None:
        raise LookupError("Debian's debootstrap names no archive of Ubuntu's")
    return Archive(mirror[1], folder / "usr/share/keyrings/ubuntu-archive-keyring.gpg", "main universe")


def write_apt_state(folder: Path, archive: Archive, suite: str, run: Run) -> dict[str, str]:
    """Write into `folder` an `apt.conf` that knows `suite` alone, with the system's own way to the network.

    Returns the environment in which apt keeps to it.
    """
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    source = f"deb [signed-by={archive.keyring}] {archive.mirror} {suite} {archive.components}\n"
    (folder / "sources.list").write_text(source)
    # Proxies and the like are carried over; hooks and extra index files of the system's configuration are not.
    settings = [
        line
        for line in run(["apt-config", "dump"], "apt's settings cannot be read", None).splitlines()
        if line.startswith("Acquire::") and not line.startswith("Acquire::IndexTargets")
    ]
    places = {
        "Dir::State": folder,
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Install-Recommends": "false",
        "APT::Update::Error-Mode": "any",
        # As root apt would download as another user, who cannot enter this user's cache folder.
        "APT::Sandbox::User": "root",
    }
    settings += [f'{name} "{value}";' for name, value in places.items()]
    (folder / "apt.conf").write_text("\n".join(settings) + "\n")
    return os.environ | {"APT_CONFIG": str(folder / "apt.conf")}


def _debian_mirror(run: Run) -> str:
    """Return the address this machine gets its release of Debian from, as its own apt configuration has it."""
    listing = run(
        ["apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"],
        "apt's sources cannot be read",
        None,
    )
    try:
        codename = platform.freedesktop_os_release().get("VERSION_CODENAME")
    except OSError:
        codename = None
    for line in listing.splitlines():
        address, release, component = line.rsplit(" ", 2)
        if (release, component) == (codename, "main"):
            return address
    raise LookupError("apt's sources name no archive of this system's own release to fetch it from")
