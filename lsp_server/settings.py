"""The person's settings: `parse` turns whatever the client sent into `(Settings, problems)`.

Pure. A value that is wrong keeps its default and becomes a Problem in words; nothing raises. On the wire the keys
are camel-case and grouped (`completion.maxTokens`), nested or dotted.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, NamedTuple, TypeGuard

from inference.models.catalogue import DEFAULT_MODEL

SECTION = "hearthline"
"""The group these settings form in the client's own."""

DEFAULT_MIN_CONFIDENCE = 0.5
"""Of answers to be shown for 60 holes of one line in HumanEval, so many were less sure than this: of the default model
4 of 21 that failed their tests and 1 of 38 that passed (at 0.6: 5 and 2), of smollm2-135m 16 of 44 and 2 of 11 (25 and
4), of the 1.5B coder none of 51 (0 and 1)."""

_HTTP_URL = re.compile(r"https?://[^\s/?#]+([/?#]\S*)?\Z")


class Multiline(StrEnum):
    """Whether a completion may be longer than a line."""

    AUTO = "auto"  # where the syntax asks for a block
    NEVER = "never"


class LogLevel(StrEnum):
    """The least severe records that go to the log file."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class MinConfidence(StrEnum):
    """The least sure findings of the review that are shown."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Baseline(StrEnum):
    """What findings are compared with: only new ones are loud."""

    HEAD = "head"  # git's
    NONE = "none"


class Judge(StrEnum):
    """Whether a model is asked about findings when nobody types."""

    AUTO = "auto"  # models that are not known to be too small for it
    OFF = "off"


@dataclass(frozen=True, slots=True)
class CompletionSettings:
    """What is suggested, and when.

    model: a name of the catalogue. debounce_ms: how long to wait for another key before asking; None goes by how the
    person types and how fast answers come. disabled_languages: LSP language identifiers. prefetch: ask ahead for what
    comes after a suggestion. candidates: how many to offer when the person asks. min_confidence: unless they ask, show
    nothing the model was less sure of, as the mean probability of its tokens; 0 shows all. in_comments, in_strings:
    suggest there.
    """

    enabled: bool = True
    model: str = DEFAULT_MODEL
    max_tokens: int = 64
    debounce_ms: int | None = None
    disabled_languages: tuple[str, ...] = ()
    multiline: Multiline = Multiline.AUTO
    prefetch: bool = True
    candidates: int = 3
    min_confidence: float = DEFAULT_MIN_CONFIDENCE
    in_comments: bool = True
    in_strings: bool = True


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Where completions come from. url: None is the local worker. token_env: variable that holds the url's token."""

    url: str | None = None
    token_env: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The local worker, when it is started from here.

    idle_exit_minutes: without a request for so long, it ends. n_context: the most tokens a request may have, memory_gb:
    what the worker may take; None leaves both to it.
    """

    autostart: bool = True
    idle_exit_minutes: float = 30
    n_context: int | None = None
    memory_gb: float | None = None


@dataclass(frozen=True, slots=True)
class FeedbackSettings:
    """What is recorded on this machine about suggestions; see `lsp_server/feedback`."""

    enabled: bool = True


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """The workspace index. exclude: patterns in gitignore's syntax, added to what is left out anyway."""

    enabled: bool = True
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """The security review. rules_off: identifiers of rules whose findings are not shown."""

    enabled: bool = True
    min_confidence: MinConfidence = MinConfidence.MEDIUM
    rules_off: frozenset[str] = frozenset()
    baseline: Baseline = Baseline.HEAD
    judge: Judge = Judge.AUTO


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """The person's word on the workspace. trusted: what lies in it may be executed, in a sandbox; None: ask."""

    trusted: bool | None = None


@dataclass(frozen=True, slots=True)
class SuggestedTestsSettings:
    """Suggested tests. background: prepare some for a function that was changed and saved, while nobody types."""

    background: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a person can set."""

    completion: CompletionSettings = field(default_factory=CompletionSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    feedback: FeedbackSettings = field(default_factory=FeedbackSettings)
    index: IndexSettings = field(default_factory=IndexSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)
    workspace: WorkspaceSettings = field(default_factory=WorkspaceSettings)
    tests: SuggestedTestsSettings = field(default_factory=SuggestedTestsSettings)
    log_level: LogLevel = LogLevel.INFO


@dataclass(frozen=True, slots=True)
class Problem:
    """A setting that was not taken. `message` names it, what was given and what is allowed."""

    key: str
    message: str


class _Rule(NamedTuple):
    """Where a key goes, and how its value is read: `read` raises ValueError with what would be allowed."""

    group: str | None
    field: str
    read: Callable[[object], Any]


def parse(raw: object) -> tuple[Settings, list[Problem]]:
    """Read the client's settings.

    raw: the section itself, or an object that holds it under `hearthline`; None means nothing was set.
    """
    if isinstance(raw, Mapping) and SECTION in raw:
        raw = raw[SECTION]
    if raw is None:
        return Settings(), []
    if not isinstance(raw, Mapping):
        return Settings(), [Problem("", f"{SECTION}: an object is needed, not {_shown(raw)}; the defaults hold")]
    given: dict[str | None, dict[str, Any]] = {group: {} for group in (None, *_GROUPS)}
    problems = []
    for key, value in _flatten(raw, ""):
        rule = _RULES.get(key)
        if rule is None:
            problems.append(_unknown(key))
            continue
        if value is None:  # as clients send what the person has not set
            continue
        try:
            given[rule.group][rule.field] = rule.read(value)
        except ValueError as error:
            message = f"{SECTION}.{key}: {error}, not {_shown(value)}; the default holds"
            problems.append(Problem(key, message))
    groups = {group: make(**given[group]) for group, make in _GROUPS.items()}
    return Settings(**groups, **given[None]), problems


def _flatten(raw: Mapping[object, object], prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in raw.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and name in _GROUPS:
            yield from _flatten(value, f"{name}.")
        elif name in _GROUPS and value is None:
            continue
        else:
            yield name, value


def _unknown(key: str) -> Problem:
    close = get_close_matches(key, _RULES, n=1)
    hint = (
        f"did you mean {SECTION}.{close[0]}?"
        if close
        else f"the groups are {', '.join(_GROUPS)}; the README says what is in each"
    )
    return Problem(key, f"{SECTION}.{key} is not a setting; {hint}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("true or false is needed")


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("a text that is not empty is needed")


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if _is_number(value) and low <= value <= high and value == int(value):
            return int(value)
        raise ValueError(f"a whole number from {low} to {high} is needed")

    return read


def _minutes(value: object) -> float:
    if _is_number(value) and 0 < value <= 10_080:
        return float(value)
    raise ValueError("a number of minutes above 0, at most 10080 (a week), is needed")


def _share(value: object) -> float:
    if _is_number(value) and 0 <= value <= 1:
        return float(value)
    raise ValueError("a number from 0 to 1 is needed")


def _gigabytes(value: object) -> float:
    if _is_number(value) and 0 < value <= 4096:
        return float(value)
    raise ValueError("a number of gigabytes above 0, at most 4096, is needed")


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError("a list of texts is needed")


def _switched_off(value: object) -> frozenset[str]:
    if isinstance(value, Mapping) and all(switch in ("on", "off") for switch in value.values()):
        return frozenset(str(rule) for rule, switch in value.items() if switch == "off")
    raise ValueError('an object of rules with the values "on" and "off" is needed')


def _one_of(choices: type[StrEnum]) -> Callable[[object], StrEnum]:
    def read(value: object) -> StrEnum:
        if isinstance(value, str) and value in set(choices):
            return choices(value)
        raise ValueError(f"one of {', '.join(choices)} is needed")

    return read


def _url(value: object) -> str:
    if isinstance(value, str) and _HTTP_URL.match(value):
        return value
    raise ValueError("an address that begins with http:// or https:// is needed")


_RULES: dict[str, _Rule] = {
    "completion.enabled": _Rule("completion", "enabled", _boolean),
    "completion.model": _Rule("completion", "model", _text),
    "completion.maxTokens": _Rule("completion", "max_tokens", _whole(1, 2048)),
    "completion.debounceMs": _Rule("completion", "debounce_ms", _whole(0, 5000)),
    "completion.disabledLanguages": _Rule("completion", "disabled_languages", _texts),
    "completion.multiline": _Rule("completion", "multiline", _one_of(Multiline)),
    "completion.prefetch": _Rule("completion", "prefetch", _boolean),
    "completion.candidates": _Rule("completion", "candidates", _whole(1, 8)),
    "completion.minConfidence": _Rule("completion", "min_confidence", _share),
    "completion.inComments": _Rule("completion", "in_comments", _boolean),
    "completion.inStrings": _Rule("completion", "in_strings", _boolean),
    "engine.url": _Rule("engine", "url", _url),
    "engine.tokenEnv": _Rule("engine", "token_env", _text),
    "worker.autostart": _Rule("worker", "autostart", _boolean),
    "worker.idleExitMinutes": _Rule("worker", "idle_exit_minutes", _minutes),
    "worker.contextTokens": _Rule("worker", "n_context", _whole(64, 1 << 20)),
    "worker.memoryGb": _Rule("worker", "memory_gb", _gigabytes),
    "feedback.enabled": _Rule("feedback", "enabled", _boolean),
    "index.enabled": _Rule("index", "enabled", _boolean),
    "index.exclude": _Rule("index", "exclude", _texts),
    "review.enabled": _Rule("review", "enabled", _boolean),
    "review.minConfidence": _Rule("review", "min_confidence", _one_of(MinConfidence)),
    "review.rules": _Rule("review", "rules_off", _switched_off),
    "review.baseline": _Rule("review", "baseline", _one_of(Baseline)),
    "review.judge": _Rule("review", "judge", _one_of(Judge)),
    "workspace.trusted": _Rule("workspace", "trusted", _boolean),
    "tests.background": _Rule("tests", "background", _boolean),
    "logLevel": _Rule(None, "log_level", _one_of(LogLevel)),
}
_GROUPS: dict[str, Callable[..., Any]] = {
    "completion": CompletionSettings,
    "engine": EngineSettings,
    "worker": WorkerSettings,
    "feedback": FeedbackSettings,
    "index": IndexSettings,
    "review": ReviewSettings,
    "workspace": WorkspaceSettings,
    "tests": SuggestedTestsSettings,
}
