"""A state of apt's own in a folder: one suite of Debian's archive, and no package installed."""

import platform
from collections.abc import Callable
from pathlib import Path

Run = Callable[[list[str], str], str]
"""Runs a step; told also in words what has failed if it does. Returns what it printed."""


def write_apt_state(folder: Path, suite: str, keyring: Path, run: Run) -> None:
    """Write into `folder` an `apt.conf` that knows `suite` alone, with the system's own way to the network."""
    mirror = _debian_mirror(run)
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(f"deb [signed-by={keyring}] {mirror} {suite} main\n")
    # Proxies and the like are carried over; hooks and extra index files of the system's configuration are not.
    settings = [
        line
        for line in run(["apt-config", "dump"], "apt's settings cannot be read").splitlines()
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


def _debian_mirror(run: Run) -> str:
    """Return the address this machine gets its release of Debian from, as its own apt configuration has it."""
    listing = run(
        ["apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"],
        "apt's sources cannot be read",
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
