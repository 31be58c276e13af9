"""What a person may call a model: every text is exactly one of three things, in every folder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.models.reference import HubId, folder_name, is_path, parse_hub_id

HUB_NAMES = st.from_regex(r"[A-Za-z0-9]([-.]?[A-Za-z0-9_]+)*/[A-Za-z0-9]([-.]?[A-Za-z0-9_]+)*", fullmatch=True)
FILENAMES = st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.+-]*\.gguf", fullmatch=True)
REVISIONS = st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_./-]*", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "hub_id"),
    [
        ("org/name", HubId("org/name")),
        ("Qwen/Qwen2.5-Coder-0.5B", HubId("Qwen/Qwen2.5-Coder-0.5B")),
        ("org/name@main", HubId("org/name", None, "main")),
        ("org/name@refs/pr/1", HubId("org/name", None, "refs/pr/1")),
        ("org/name:a-Q4_K_M.gguf", HubId("org/name", "a-Q4_K_M.gguf")),
        ("org/name:a.gguf@v1", HubId("org/name", "a.gguf", "v1")),
    ],
)
def test_ids(text: str, hub_id: HubId) -> None:
    assert parse_hub_id(text) == hub_id
    assert not is_path(text)


@pytest.mark.parametrize(
    "text",
    [
        "/a/b",
        "./a",
        "../a",
        "~/models/a",
        "a/b/c",
        ".",
        "..",
        "~",
        "model.gguf",
        "a/b.gguf",
        "a--b/c",
        "a/..",
        "/a:b.gguf",
        "a/-b",
    ],
)
def test_paths(text: str) -> None:
    assert is_path(text)
    assert parse_hub_id(text) is None


@pytest.mark.parametrize("text", ["smollm2-135m-instruct", "qwen", "a@b", "a:b", ""])
def test_plain_names(text: str) -> None:
    assert not is_path(text)
    assert parse_hub_id(text) is None


@given(HUB_NAMES, FILENAMES, REVISIONS)
def test_an_id_is_read_as_it_was_written(repository: str, filename: str | None, revision: str | None) -> None:
    text = repository + (f":{filename}" if filename else "") + (f"@{revision}" if revision else "")
    assert parse_hub_id(text) == HubId(repository, filename, revision)


@given(st.text(alphabet="ab-_./:@~ \n0", max_size=12) | st.text(max_size=8))
def test_what_is_no_path_names_one_folder_that_can_be_seen(text: str) -> None:
    assert not (is_path(text) and parse_hub_id(text) is not None)
    if text and not is_path(text):
        assert "/" not in folder_name(text)
        assert not folder_name(text).startswith(".")


@given(st.lists(st.builds(HubId, HUB_NAMES, FILENAMES), min_size=2, max_size=2, unique=True))
def test_no_two_models_share_a_folder(ids: list[HubId]) -> None:
    first, second = (folder_name(each.name) for each in ids)
    assert first != second
