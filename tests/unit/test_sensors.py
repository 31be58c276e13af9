"""Readings of machines that are made up: a tree of files for Linux, numbers for macOS."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from inference.care import Surroundings
from inference.sensors import this_machine
from inference.sensors.linux import LinuxSensors
from inference.sensors.macos import MacLibraries, MacSensors

ON_MAINS = {"AC/type": "Mains", "AC/online": "1"}
OFF_MAINS = {"AC/type": "Mains", "AC/online": "0"}
DISCHARGING = {"BAT0/type": "Battery", "BAT0/status": "Discharging"}
CHARGING = {"BAT0/type": "Battery", "BAT0/status": "Charging"}
MOUSE = {"hid/type": "Battery", "hid/scope": "Device", "hid/status": "Discharging"}


def write(root: Path, folder: str, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


@pytest.mark.parametrize(
    ("supplies", "expected"),
    [
        ({}, False),
        (ON_MAINS, False),
        (MOUSE, False),
        (OFF_MAINS | DISCHARGING, True),
        (DISCHARGING | MOUSE, True),
        (ON_MAINS | DISCHARGING, False),  # a weak charger
        (ON_MAINS | CHARGING, False),
        (OFF_MAINS | CHARGING, False),
        ({"ups/type": "UPS", "ups/status": "Discharging"}, True),
        ({"usb/type": "USB", "usb/online": "1"} | DISCHARGING, False),
        ({"BAT0/type": ""}, False),
    ],
)
def test_a_linux_machine_on_battery(tmp_path: Path, supplies: dict[str, str], expected: bool) -> None:
    write(tmp_path, "sys/class/power_supply", supplies)
    assert LinuxSensors(tmp_path).surroundings() == Surroundings(on_battery=expected)


@pytest.mark.parametrize(
    ("stall", "available", "expected"),
    [
        ("0.00", 8_000_000, False),
        ("19.99", 8_000_000, False),
        ("20.00", 8_000_000, True),
        ("0.00", 799_999, True),
        (None, 800_000, False),
        (None, None, False),
    ],
)
def test_a_linux_machine_short_of_memory(
    tmp_path: Path, stall: str | None, available: int | None, expected: bool
) -> None:
    if stall is not None:
        full = "full avg10=99.00 avg60=0.00 avg300=0.00 total=35954"
        write(tmp_path, "proc/pressure", {"memory": f"some avg10={stall} avg60=0.00 avg300=0.00 total=116784\n{full}"})
    if available is not None:
        text = f"MemTotal:       16000000 kB\nMemFree:  100 kB\nMemAvailable:   {available} kB\nHugePages_Total: 0"
        write(tmp_path, "proc", {"meminfo": text})
    assert LinuxSensors(tmp_path).surroundings() == Surroundings(is_short_of_memory=expected)


@pytest.mark.parametrize(
    ("temperature", "trips", "expected"),
    [
        (94_999, {"passive": 95_000}, False),
        (95_000, {"passive": 95_000}, True),
        (80_000, {"active": 50_000, "hot": 90_000}, False),
        (91_000, {"active": 50_000, "hot": 90_000}, True),
        (94_000, {"critical": 100_000}, False),
        (96_000, {"critical": 100_000}, True),
        (60_000, {"passive": -274_000, "hot": 0}, False),
        (60_000, {}, False),
    ],
)
def test_a_hot_linux_machine(tmp_path: Path, temperature: int, trips: dict[str, int], expected: bool) -> None:
    files = {"temp": str(temperature)}
    for number, (kind, limit) in enumerate(trips.items()):
        files |= {f"trip_point_{number}_type": kind, f"trip_point_{number}_temp": str(limit)}
    write(tmp_path, "sys/class/thermal/thermal_zone0", files)
    assert LinuxSensors(tmp_path).surroundings() == Surroundings(is_hot=expected)


def test_a_linux_processor_that_is_being_slowed_down(tmp_path: Path) -> None:
    def throttled(counts: tuple[int, int]) -> None:
        for number, count in enumerate(counts):
            folder = f"sys/devices/system/cpu/cpu{number}/thermal_throttle"
            write(tmp_path, folder, {"package_throttle_count": str(count)})

    throttled((7, 7))
    sensors = LinuxSensors(tmp_path)
    assert not sensors.surroundings().is_hot
    throttled((7, 8))
    assert sensors.surroundings().is_hot
    assert not sensors.surroundings().is_hot


def test_the_resident_set_of_a_linux_process(tmp_path: Path) -> None:
    assert LinuxSensors(tmp_path).footprint_bytes() == 0
    write(tmp_path, "proc/self", {"statm": "9000 250 100 1 0 300 0"})
    assert LinuxSensors(tmp_path).footprint_bytes() == 250 * os.sysconf("SC_PAGE_SIZE")


def test_files_that_say_nonsense_are_nothing_to_worry_about(tmp_path: Path) -> None:
    write(tmp_path, "proc", {"meminfo": "MemAvailable\nMemTotal: x kB", "pressure/memory": "some avg10=? total"})
    write(tmp_path, "sys/class/thermal/thermal_zone0", {"temp": "hot", "trip_point_0_type": "passive"})
    assert LinuxSensors(tmp_path).surroundings() == Surroundings()


def test_this_machine_can_be_read() -> None:
    sensors = this_machine()
    assert isinstance(sensors.surroundings(), Surroundings)
    assert 10_000_000 < sensors.footprint_bytes() < 10**12


@dataclass
class FakeMac:
    """A Mac that says what it is told to."""

    power_s: float = -2.0
    numbers: dict[bytes, int] = field(default_factory=dict)

    def footprint_bytes(self) -> int:
        return 21_000_000_000

    def sysctl(self, name: bytes) -> int:
        return self.numbers.get(name, 0)

    def notified(self, name: bytes) -> int:
        return self.numbers.get(name, 0)

    def seconds_of_power(self) -> float:
        return self.power_s


@pytest.mark.parametrize(
    ("mac", "expected"),
    [
        (FakeMac(), Surroundings()),
        (FakeMac(power_s=7200.0), Surroundings(on_battery=True)),
        (FakeMac(power_s=-1.0), Surroundings(on_battery=True)),
        (FakeMac(numbers={b"kern.memorystatus_vm_pressure_level": 1}), Surroundings()),
        (FakeMac(numbers={b"kern.memorystatus_vm_pressure_level": 2}), Surroundings(is_short_of_memory=True)),
        (FakeMac(numbers={b"kern.memorystatus_vm_pressure_level": 4}), Surroundings(is_short_of_memory=True)),
        (FakeMac(numbers={b"com.apple.system.thermalpressurelevel": 1}), Surroundings()),
        (FakeMac(numbers={b"com.apple.system.thermalpressurelevel": 2}), Surroundings(is_hot=True)),
    ],
)
def test_a_mac(mac: FakeMac, expected: Surroundings) -> None:
    assert MacSensors(mac).surroundings() == expected
    assert MacSensors(mac).footprint_bytes() == 21_000_000_000


def test_libraries_that_are_missing_are_nothing_to_worry_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: _no_library(name))
    assert MacSensors(MacLibraries()).surroundings() == Surroundings()
    assert MacLibraries().footprint_bytes() == 0


def _no_library(name: str | None) -> object:
    if name is None:
        return object()
    raise OSError(name)
