"""What is recorded: values only, and never a character of source or a file's name."""

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Where an answer came from."""

    CACHE = "cache"
    STREAM = "stream"  # an answer under way that went on saying what was typed, or one that was made ahead
    ENGINE = "engine"


class Outcome(StrEnum):
    """What the person did with a suggestion."""

    ACCEPTED = "accepted"
    PARTLY = "partly"  # a word or a line of it
    TYPED = "typed"  # written by hand, just as it was suggested
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the editor. at: seconds since 1970.

    n_chars: of what was shown, 0 for nothing. latency_ms: until the answer.
    """

    at: int
    source: str
    latency_ms: float
    n_chars: int


@dataclass(frozen=True, slots=True)
class Fate:
    """One suggestion that was on the screen. at: when it came. n_taken: characters of it that were accepted.

    is_kept: whether what was taken stood there half a minute later; None where nothing was, or nobody could look.
    """

    at: int
    language: str
    outcome: str
    n_chars: int
    n_taken: int
    is_kept: bool | None


Record = Request | Fate
