"""Settings: what clients send, right and wrong, and the words a person gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.settings import Baseline, LogLevel, MinConfidence, Multiline, Settings, parse


@pytest.mark.parametrize("raw", [None, {}, {"hearthline": None}, {"hearthline": {}}, {"completion": None}])
def test_nothing_set_means_the_defaults(raw: object) -> None:
    assert parse(raw) == (Settings(), [])


def test_every_setting_is_read() -> None:
    settings, problems = parse(
        {
            "completion": {
                "enabled": False,
                "model": " smollm2-135m-instruct ",
                "maxTokens": 32.0,
                "debounceMs": 0,
                "disabledLanguages": ["markdown"],
                "multiline": "never",
                "minConfidence": 0.25,
                "inComments": False,
                "inStrings": False,
            },
            "engine": {"url": "https://gpu.example:8000/v1", "tokenEnv": "GPU_TOKEN"},
            "worker": {"autostart": False, "idleExitMinutes": 0.5},
            "index": {"enabled": False, "exclude": ["vendor/"]},
            "review": {
                "enabled": False,
                "minConfidence": "low",
                "rules": {"sql-injection": "off", "path-traversal": "on"},
                "baseline": "none",
            },
            "workspace": {"trusted": False},
            "tests": {"background": False},
            "logLevel": "debug",
        }
    )
    assert problems == []
    completion = settings.completion
    assert (completion.enabled, completion.model) == (False, "smollm2-135m-instruct")
    assert (completion.max_tokens, completion.debounce_ms) == (32, 0)
    assert (completion.disabled_languages, completion.multiline) == (("markdown",), Multiline.NEVER)
    assert (completion.min_confidence, completion.in_comments, completion.in_strings) == (0.25, False, False)
    assert (settings.engine.url, settings.engine.token_env) == ("https://gpu.example:8000/v1", "GPU_TOKEN")
    assert (settings.worker.autostart, settings.worker.idle_exit_minutes) == (False, 0.5)
    assert (settings.index.enabled, settings.index.exclude) == (False, ("vendor/",))
    review = settings.review
    assert (review.enabled, review.min_confidence, review.baseline) == (False, MinConfidence.LOW, Baseline.NONE)
    assert review.rules_off == {"sql-injection"}
    assert (settings.workspace.trusted, settings.tests.background) == (False, False)
    assert settings.log_level is LogLevel.DEBUG


def test_section_and_dotted_keys_are_understood() -> None:
    nested, _ = parse({"hearthline": {"completion": {"enabled": False}}})
    dotted, problems = parse({"completion.enabled": False})
    assert nested == dotted
    assert problems == []


@pytest.mark.parametrize(
    ("raw", "key", "words"),
    [
        ({"completion": {"enabled": "yes"}}, "completion.enabled", "true or false is needed, not 'yes'"),
        ({"workspace": {"trusted": "yes"}}, "workspace.trusted", "true or false is needed, not 'yes'"),
        ({"completion": {"maxTokens": 0}}, "completion.maxTokens", "a whole number from 1 to 2048 is needed, not 0"),
        ({"completion": {"maxTokens": True}}, "completion.maxTokens", "not True"),
        ({"completion": {"maxTokens": 1.5}}, "completion.maxTokens", "not 1.5"),
        ({"completion": {"maxTokens": float("nan")}}, "completion.maxTokens", "not nan"),
        ({"completion": {"debounceMs": float("inf")}}, "completion.debounceMs", "not inf"),
        ({"completion": {"multiline": "always"}}, "completion.multiline", "one of auto, never is needed"),
        ({"completion": {"multiline": ["auto"]}}, "completion.multiline", "one of auto, never is needed"),
        ({"completion": {"disabledLanguages": "c"}}, "completion.disabledLanguages", "a list of texts is needed"),
        ({"completion": {"disabledLanguages": [1]}}, "completion.disabledLanguages", "a list of texts is needed"),
        ({"completion": {"model": " "}}, "completion.model", "a text that is not empty is needed"),
        ({"completion": 7}, "completion", "is not a setting"),
        ({"completion": {"maxToken": 3}}, "completion.maxToken", "did you mean hearthline.completion.maxTokens?"),
        ({"zzz": 3}, "zzz", "the groups are completion, engine, worker,"),
        ({"engine": {"url": "localhost:80"}}, "engine.url", "begins with http:// or https://"),
        ({"engine": {"url": "http://"}}, "engine.url", "begins with http:// or https://"),
        ({"worker": {"idleExitMinutes": 0}}, "worker.idleExitMinutes", "above 0"),
        ({"index": {"exclude": "vendor/"}}, "index.exclude", "a list of texts is needed"),
        ({"review": {"minConfidence": "some"}}, "review.minConfidence", "one of high, medium, low is needed"),
        ({"review": {"rules": ["sql-injection"]}}, "review.rules", 'the values "on" and "off"'),
        ({"review": {"rules": {"sql-injection": False}}}, "review.rules", 'the values "on" and "off"'),
        ({"logLevel": "loud"}, "logLevel", "one of debug, info, warning, error is needed"),
        ([1], "", "an object is needed, not [1]"),
        ({"completion": {"model": ["x" * 500]}}, "completion.model", "..."),
    ],
)
def test_wrong_values_keep_the_default_and_are_said_in_words(raw: object, key: str, words: str) -> None:
    settings, problems = parse(raw)
    assert settings == Settings()
    [problem] = problems
    assert problem.key == key
    assert words in problem.message
    assert len(problem.message) < 400


def test_a_wrong_value_does_not_spoil_its_neighbours() -> None:
    settings, problems = parse({"completion": {"enabled": False, "maxTokens": "many"}})
    assert settings.completion.enabled is False
    assert len(problems) == 1


KEYS = st.sampled_from(["completion", "engine", "url", "enabled", "maxTokens", "logLevel", "hearthline", "x", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_nothing_a_client_sends_raises(raw: object) -> None:
    settings, problems = parse(raw)
    assert isinstance(settings, Settings)
    assert all(problem.message for problem in problems)
