"""Which models are proposed for which machine, and what is said of their speed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inference.device import Device, DeviceKind
from inference.models import cli, footprints, recommend_command
from inference.models.catalogue import CATALOGUE
from inference.models.recommend import Machine, Recommendation, Table, recommend
from inference.models.shapes import SHAPES

SMALL, MIDDLE = "qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-1.5b-instruct"
CODER, AT_4, AT_8 = "qwen3-coder-30b-a3b", "qwen3.6-35b-a3b", "qwen3.6-35b-a3b-8bit"
TABLE = Table()


def proposed(
    memory_gb: float, kind: DeviceKind = "metal", chip: str = "Apple M4 Pro", disk_gb: float = 500, here: str = ""
) -> Recommendation:
    device = Device(kind, chip, int(memory_gb * 1e9))
    machine = Machine(kind, chip, device.place, device.memory_bytes, int(disk_gb * 1e9))
    return recommend(
        machine,
        lambda name: footprints.of_catalogue(name, device, 256),
        {name: shape.n_parameters for name, shape in SHAPES.items()},
        here.split(),
        TABLE,
    )


@pytest.mark.parametrize(
    ("mac_gb", "completion", "assistant"),
    [
        (8, MIDDLE, SMALL),
        (16, MIDDLE, SMALL),
        (24, MIDDLE, SMALL),
        (32, SMALL, AT_4),
        (36, MIDDLE, AT_4),
        (48, MIDDLE, AT_4),
        (64, CODER, AT_4),
        (96, CODER, AT_8),
        (128, CODER, AT_8),
    ],
)
def test_a_mac_gets_the_best_pair_that_fits(mac_gb: int, completion: str, assistant: str) -> None:
    # What macOS is reported to recommend; on a Mac it is asked. Memory is sold in binary gigabytes.
    found = proposed(mac_gb * (2 / 3 if mac_gb <= 32 else 3 / 4) * 2**30 / 1e9)
    assert (found.completion.name, found.assistant.name) == (completion, assistant)
    assert found.verdict.fits


def test_on_a_cpu_one_small_model_does_both() -> None:
    found = proposed(200, "cpu", "some processor")
    assert (found.completion.name, found.assistant.name) == (SMALL, SMALL)
    assert found.verdict.sentence.count(SMALL) == 1  # it is loaded once


def test_a_full_disk_counts_only_for_what_is_not_here() -> None:
    assert proposed(96, disk_gb=30).assistant.name == AT_4
    assert proposed(96, disk_gb=1, here=f"{CODER} {AT_8}").assistant.name == AT_8


def test_where_nothing_fits_the_smallest_is_shown_with_what_is_missing() -> None:
    found = proposed(1, "cpu", "tiny")
    assert not found.verdict.fits
    assert (found.completion.name, found.assistant.name) == (SMALL, SMALL)


@pytest.mark.parametrize(
    ("chip", "bandwidth"),
    [("Apple M4", 120), ("Apple M4 Pro", 273), ("apple m1 ultra", 800), ("Apple M9 Pro", None), ("AMD EPYC", None)],
)
def test_a_chip_is_known_by_the_longest_name_that_fits(chip: str, bandwidth: int | None) -> None:
    assert TABLE.bandwidth(chip) == bandwidth


def test_what_was_reckoned_is_not_called_measured() -> None:
    speed = proposed(48).assistant.speed
    assert speed is not None
    assert speed.kind == "about"
    assert speed.decode_tokens_per_s == pytest.approx(0.349 * 273e9 / (20.4e9 * 3 / 35), rel=0.01)
    assert speed.origin == ("273 GB/s of memory bandwidth, 1.7 GB read a token, 35% of that reached on others' Macs")
    elsewhere = proposed(140, "cuda", "NVIDIA H200").assistant.speed
    assert elsewhere is not None
    assert elsewhere.kind == "at most"  # what Macs reach says nothing of it
    measured = proposed(20, "cpu", "some processor").completion.speed
    assert measured is not None
    assert measured.kind == "measured"
    assert "two shared cores" in measured.origin
    assert proposed(48, chip="Apple M9").assistant.speed is None


def test_the_table_speaks_of_models_that_there_are() -> None:
    names = [name for pair in TABLE.pairs for name in (pair.completion, pair.assistant)]
    for name in (*names, *TABLE.active_parameters, *(str(row["model"]) for row in TABLE.measured)):
        assert name in CATALOGUE
    for pair in TABLE.pairs:
        assert "completion" in CATALOGUE[pair.completion].roles
        assert "assistant" in CATALOGUE[pair.assistant].roles
    assert "cpu" in TABLE.pairs[-1].devices


def test_a_person_is_told_what_to_pull() -> None:
    found = proposed(36, here=MIDDLE)
    machine = Machine("metal", "Apple M4 Pro", "this Mac", 36_000_000_000, 500_000_000_000)
    words = recommend_command.words(machine, found)
    assert words.startswith("Apple M4 Pro: 36.0 GB for models, 500.0 GB free on the disk\n")
    assert f"  completion  {MIDDLE}: here already, " in words
    assert "speed: about 54 tokens/s (273 GB/s of memory bandwidth, 1.7 GB read a token, 35% of that" in words
    assert words.endswith(f"\n\nhearthline models pull {AT_4}")
    full = recommend_command.words(replace(machine, disk_bytes=10), found)
    assert "The disk has no room for it: 20.4 GB are to be fetched." in full


def test_programs_get_an_object(
    hearthline_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    device = Device("cpu", "some processor", 16_000_000_000)
    monkeypatch.setattr(recommend_command, "describe_device", lambda: device)
    assert cli.main(["recommend", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["completion"]["name"] == shown["assistant"]["name"] == SMALL
    assert shown["commands"] == [f"hearthline models pull {SMALL}"]
    assert shown["machine"]["chip"] == "some processor"
    assert hearthline_home.exists()
