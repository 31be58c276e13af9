"""When background work pauses and requests are refused: by tables, and by readings that hypothesis makes up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.care import Care, Cause, Ceiling, Level, Surroundings, ceiling, in_words, observe, pause, resume
from inference.device import Device

LIMITS = Ceiling(10_000)  # soft at 9,000; left below 8,550, hard below 9,500
CALM = Surroundings()
SEEN = {
    Cause.BATTERY: Surroundings(on_battery=True),
    Cause.SYSTEM_MEMORY: Surroundings(is_short_of_memory=True),
    Cause.HEAT: Surroundings(is_hot=True),
}


def see(care: Care, used_bytes: int = 0, around: Surroundings = CALM, now_s: float = 0.0) -> Care:
    return observe(care, used_bytes, around, LIMITS, now_s, works_on_battery=False)


@pytest.mark.parametrize(
    ("used", "levels"),
    [
        ([0, 8_999], [Level.NORMAL, Level.NORMAL]),
        ([9_000, 8_999, 8_550, 8_549], [Level.SOFT, Level.SOFT, Level.SOFT, Level.NORMAL]),
        ([9_999, 10_000, 9_500, 9_499], [Level.SOFT, Level.HARD, Level.HARD, Level.SOFT]),
        ([12_000, 8_549], [Level.HARD, Level.NORMAL]),
        ([8_999, 9_000, 8_600, 9_999], [Level.NORMAL, Level.SOFT, Level.SOFT, Level.SOFT]),
    ],
)
def test_levels_are_entered_at_their_mark_and_left_below_it(used: list[int], levels: list[Level]) -> None:
    care, found = Care(), []
    for used_bytes in used:
        care = see(care, used_bytes)
        found.append(care.level)
    assert found == levels


@given(st.lists(st.integers(0, 12_000)))
def test_no_level_is_kept_where_memory_is_plenty_nor_missed_where_it_is_short(used: list[int]) -> None:
    care = Care()
    for used_bytes in used:
        care = see(care, used_bytes)
        assert care.level >= (used_bytes >= 9_000) + (used_bytes >= 10_000)
        assert care.level <= (used_bytes >= 8_550) + (used_bytes >= 9_500)
        excess = care.excess_bytes(LIMITS)
        assert (excess > 0) == (care.level > Level.NORMAL)
        assert see(care, used_bytes - excess).level is Level.NORMAL
        assert (Cause.CEILING in care.causes(0.0)) == (care.level > Level.NORMAL)


@pytest.mark.parametrize("cause", SEEN)
def test_a_cause_holds_for_a_while_after_it_was_last_seen(cause: Cause) -> None:
    care = see(Care(), around=SEEN[cause], now_s=100.0)
    care = see(care, around=SEEN[cause], now_s=110.0)
    care = see(care, now_s=130.0)
    assert care.causes(139.9) == [cause]
    assert care.causes(140.0) == []
    assert see(care, now_s=141.0) == Care()


@given(st.lists(st.sampled_from(["calm", *SEEN]), min_size=1))
def test_what_is_seen_now_always_pauses_and_what_never_was_does_not(names: list[str]) -> None:
    care = Care()
    for index, name in enumerate(names):
        care = see(care, around=CALM if name == "calm" else SEEN[Cause(name)], now_s=5.0 * index)
        causes = care.causes(5.0 * index)
        assert name == "calm" or name in causes
        assert set(causes) == {each for each in names[max(0, index - 5) : index + 1] if each != "calm"}


def test_battery_is_no_cause_where_the_person_says_so() -> None:
    care = observe(Care(), 0, Surroundings(on_battery=True), LIMITS, 1.0, works_on_battery=True)
    assert care.causes(1.0) == []


def test_a_pause_lasts_until_it_is_over_or_taken_back() -> None:
    care = pause(Care(), 10.0, 20.0)
    assert care.causes(29.9) == [Cause.REQUEST]
    assert care.causes(30.0) == []
    assert in_words(care, LIMITS, 12.0) == ["paused by request for 18 s more"]
    care = pause(care, 12.0, None)
    assert care.causes(1e9) == [Cause.REQUEST]
    assert in_words(care, LIMITS, 12.0) == ["paused by request"]
    assert resume(care).causes(12.0) == []


def test_resuming_takes_back_no_more_than_the_request() -> None:
    care = resume(pause(see(Care(), around=SEEN[Cause.BATTERY]), 0.0, None))
    assert in_words(care, LIMITS, 1.0) == ["the machine runs on battery"]


def test_every_cause_has_words() -> None:
    around = Surroundings(on_battery=True, is_short_of_memory=True, is_hot=True)
    care = pause(observe(Care(), 9_400_000_000, around, Ceiling(10**10), 0.0, works_on_battery=False), 0.0, None)
    assert in_words(care, Ceiling(10**10), 0.0) == [
        "paused by request",
        "the machine runs on battery",
        "the system is short of memory",
        "the machine is hot",
        "the worker is near its memory ceiling (9.4 GB of 10.0 GB)",
    ]


@pytest.mark.parametrize(
    ("device", "memory_gb", "hard_bytes"),
    [
        (Device("cpu", "", 100), None, 80),
        (Device("cuda", "", 100), None, 95),
        (Device("cpu", "", 100), 2.5, 2_500_000_000),
    ],
)
def test_the_ceiling_is_a_share_of_the_device_or_what_was_asked_for(
    device: Device, memory_gb: float | None, hard_bytes: int
) -> None:
    assert ceiling(device, memory_gb).hard_bytes == hard_bytes


def test_on_metal_models_may_take_what_is_recommended() -> None:
    limits = ceiling(Device("metal", "", 11_453_251_584))
    assert limits.soft_bytes == pytest.approx(11_453_251_584, abs=2)
