"""How many tokens a prefill step takes: by who types, and by what stands before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.device import DeviceKind
from inference.prefill_chunks import CHUNK_SIZES, Chunks, ChunkSizes, chunk_tokens

_SHORTEST_CONTEXT = 2048  # of those that `models.fit` judges


@pytest.mark.parametrize(
    ("kind", "n_before", "brief", "long"),
    [
        ("cpu", 0, 64, 128),
        ("cpu", 128, 48, 112),
        ("cpu", 512, 32, 80),
        ("cpu", 1024, 32, 64),
        ("cpu", 2048, 16, 32),
        ("cpu", 4096, 16, 16),
        ("cpu", 32_768, 16, 16),
        ("metal", 0, 512, 512),
        ("metal", 32_768, 512, 512),
        ("cuda", 0, 1024, 1024),
    ],
)
def test_chunks_by_device_and_by_what_stands_before(kind: DeviceKind, n_before: int, brief: int, long: int) -> None:
    sizes = CHUNK_SIZES[kind]
    assert chunk_tokens(sizes, n_before, is_brief=True) == brief
    assert chunk_tokens(sizes, n_before, is_brief=False) == long


@given(st.integers(0, 300_000), st.integers(0, 10_000), st.booleans(), st.sampled_from(list(CHUNK_SIZES.values())))
def test_chunks_only_shrink_and_brief_ones_are_never_longer(
    n_before: int, more: int, is_brief: bool, sizes: ChunkSizes
) -> None:
    here = chunk_tokens(sizes, n_before, is_brief=is_brief)
    assert 0 < chunk_tokens(sizes, n_before + more, is_brief=is_brief) <= here
    assert chunk_tokens(sizes, n_before, is_brief=True) <= chunk_tokens(sizes, n_before, is_brief=False)


@given(st.integers(0, 300_000), st.integers(_SHORTEST_CONTEXT, 300_000))
def test_no_chunk_takes_more_workspace_than_a_brief_one_at_the_end_of_the_context(n_before: int, n_more: int) -> None:
    n_context = n_before + n_more
    for sizes in CHUNK_SIZES.values():
        for is_brief in (False, True):
            assert chunk_tokens(sizes, n_before, is_brief=is_brief) * n_before <= sizes.brief * n_context


def test_a_job_turns_brief_and_back() -> None:
    chunks = Chunks(ChunkSizes(4, 8))
    assert chunks.tokens(100) == 8
    chunks.is_brief = True
    assert chunks.tokens(100) == 4
    assert Chunks.of(24).tokens(9) == 24
