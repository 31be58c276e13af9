"""Where generated code may run: the choice, what is refused, and what each sandbox is told. See also `tests/e2e`."""

import os
import re
import struct
from pathlib import Path

import pytest

from lsp_server.tests_for import sandbox as sandbox_module
from lsp_server.tests_for.sandbox import Ended, Limits, NoSandbox, NotRun, Sandbox, find_sandbox
from lsp_server.tests_for.sandboxes import scratch, seatbelt, seccomp
from lsp_server.tests_for.sandboxes.order import Order, Outcome

_HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def order(**changes: object) -> Order:
    values: dict[str, object] = {
        "kind": "bubblewrap",
        "program": "/usr/bin/bwrap",
        "command": ("python", "-c", "print('wörds')"),
        "workspace": "/work space",
        "scratch": "/scratch",
        "readable": ("/opt/python",),
        "cwd": "/scratch",
        "environment": {"A": "b"},
        "limits": Limits(wall_s=2.5),
    }
    return Order(**(values | changes))  # type: ignore[arg-type]


def test_an_order_and_an_outcome_survive_the_pipe() -> None:
    assert Order.from_line(order().to_line()) == order()
    outcome = Outcome(1, Ended.EXITED, "", 0.5, b"out\n\xff", b"err\n")
    assert Outcome.from_bytes(outcome.to_bytes()) == outcome


@pytest.fixture
def _forgetful() -> None:
    find_sandbox.cache_clear()


@pytest.mark.usefixtures("_forgetful")
def test_the_first_sandbox_that_works_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [(Sandbox("bubblewrap"), "not installed"), (Sandbox("landlock"), ""), (Sandbox("third"), "")]
    monkeypatch.setattr(sandbox_module, "_candidates", lambda: known)
    monkeypatch.setattr(sandbox_module, "_problem_of", lambda _: "")
    assert find_sandbox() == Sandbox("landlock")
    find_sandbox.cache_clear()


@pytest.mark.usefixtures("_forgetful")
def test_without_a_sandbox_nothing_is_run_and_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [(Sandbox("bubblewrap"), "not installed"), (Sandbox("landlock"), "")]
    monkeypatch.setattr(sandbox_module, "_candidates", lambda: known)
    monkeypatch.setattr(sandbox_module, "_problem_of", lambda _: "the kernel refuses it")
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(NoSandbox) as raised:
        find_sandbox()
    assert str(raised.value) == (
        "Generated code is not run, because nothing here can confine it (bubblewrap: not installed; "
        "landlock: the kernel refuses it). Way out: install bubblewrap (on Debian and Ubuntu: apt install bubblewrap)."
    )


@pytest.mark.parametrize("name", ["home", "home/..", "home/.ssh", "home/.ssh/keys", "link"])
def test_a_home_folder_is_never_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home/.ssh").mkdir(parents=True)
    (tmp_path / "link").symlink_to("home")
    sandbox = Sandbox("bubblewrap", "/usr/bin/bwrap")
    work = tmp_path / "home/work"
    sandbox.order(["true"], work, work, [tmp_path / "home/.pyenv"], None, {}, Limits())
    for workspace, readable in ((tmp_path / name, work), (work, tmp_path / name)):
        with pytest.raises(NotRun, match="must not see"):
            sandbox.order(["true"], workspace, work, [readable], None, {}, Limits())


@pytest.mark.machine
def test_the_calls_that_are_refused_have_their_numbers_from_the_kernel() -> None:
    missing = [str(path) for path in _HEADERS.values() if not path.exists()]
    if missing:
        pytest.skip(f"no kernel headers here: {', '.join(missing)}")
    tables = (seccomp._REFUSED, seccomp._ABSENT, seccomp._METADATA)
    for column, path in enumerate(_HEADERS.values()):
        numbers = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text()))
        for table in tables:
            for name, columns in table.items():
                if name in numbers:
                    assert columns[column] == int(numbers[name]), name
        for name in ("clone", "ioctl", "prlimit64", "sched_setaffinity", "socketpair"):
            assert getattr(seccomp, f"_{name.upper()}")[column] == int(numbers[name])


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("keeps_metadata", [True, False])
def test_every_way_through_the_filter_ends(machine: str, keeps_metadata: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.uname", lambda: type("Uname", (), {"machine": machine}))
    code = list(struct.iter_unpack("HBBI", seccomp.program(keeps_metadata=keeps_metadata)))
    jumps = {at: (if_so, if_not) for at, (kind, if_so, if_not, _) in enumerate(code) if kind & 7 == 5}
    assert all(at + 1 + max(ways) < len(code) for at, ways in jumps.items())
    assert code[-1][0] == 6
    assert len(code) <= 4096


def test_a_profile_of_macos_quotes_its_paths() -> None:
    text = seatbelt.profile(order(kind="sandbox-exec", workspace='/a "quoted" \\ place'))
    assert '(subpath "/a \\"quoted\\" \\\\ place")' in text
    assert text.startswith("(version 1)\n(deny default)\n")
    assert '(allow file-write* (subpath "/scratch"))' in text
    assert text.rstrip().endswith("(deny file-link network*)")


def test_what_was_written_is_counted_and_followed_nowhere(tmp_path: Path) -> None:
    (tmp_path / "scratch/deep/er").mkdir(parents=True)
    (tmp_path / "scratch/deep/er/file").write_bytes(bytes(100_000))
    (tmp_path / "large").write_bytes(bytes(1_000_000))
    (tmp_path / "scratch/out").symlink_to(tmp_path)
    assert 100_000 <= scratch.used_bytes(str(tmp_path / "scratch"), 1 << 30) <= 140_000
    assert scratch.used_bytes(str(tmp_path), 50_000) > 50_000


def test_a_folder_too_deep_to_look_into_counts_as_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(25):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    assert scratch.used_bytes(str(tmp_path), 1 << 30) > 1 << 30
