"""Editing sessions as they happened: the versions of a file in this project's history, typed again key by key.

Pure but for asking git. A session is a list of keys; every text between them is one that an editor would have held. The
rhythm is a person's, drawn with a fixed seed: steady within words, slower between them, with pauses at line ends.
"""

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice

_MOST_INSERTED_LINES = 60
_LEAST_INSERTED_LINES = 8
_MEDIAN_INTERVAL_S = 0.13
_SPREAD = 0.35


@dataclass(frozen=True, slots=True)
class Key:
    """One edit. The characters from `start` to `end` become `text`; pause_s: how long the person waits before it."""

    start: int
    end: int
    text: str
    pause_s: float


@dataclass(frozen=True, slots=True)
class Session:
    """One version of a file turning into the next. path: in the project."""

    path: str
    before: str
    after: str
    keys: tuple[Key, ...]


def past_sessions(n_keys: int, seed: int = 1) -> list[Session]:
    """Give sessions of `n_keys` keys together, newest history first; the last may end early. None without a history."""
    rng = random.Random(seed)
    sessions: list[Session] = []
    for path, before, after in _versions():
        keys = tuple(islice(type_changes(before, after, rng), n_keys))
        sessions.append(Session(path, before, after, keys))
        n_keys -= len(keys)
        if n_keys <= 0:
            break
    return sessions


def _versions() -> Iterator[tuple[str, str, str]]:
    """Yield files that a commit of moderate size changed: path, text before, text after."""
    log = _git("log", "--no-merges", "--diff-filter=M", "--numstat", "--format=%H", "--", "*.py")
    commit = ""
    for line in log.splitlines():
        counts = line.split("\t")
        if len(counts) == 1:
            commit = line or commit
        elif _LEAST_INSERTED_LINES <= int(counts[0]) <= _MOST_INSERTED_LINES:
            path = counts[2]
            yield path, _git("show", f"{commit}^:{path}"), _git("show", f"{commit}:{path}")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout


def type_changes(before: str, after: str, rng: random.Random) -> Iterator[Key]:
    """Turn `before` into `after` from top to bottom: delete what goes, type what comes."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    offset = 0  # in the text as it is then: above it, everything is new
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        goes, comes = "".join(old[old_from:old_to]), "".join(new[new_from:new_to])
        if kind == "equal":
            offset += len(goes)
            continue
        if goes:
            yield Key(offset, offset + len(goes), "", _pause(rng, "\n"))
        if comes:  # an empty line is opened first, as an editor does
            yield Key(offset, offset, "\n", _pause(rng, "\n"))
            yield from type_text(comes.removesuffix("\n"), offset, rng)
        offset += len(comes)


def type_text(text: str, offset: int, rng: random.Random) -> Iterator[Key]:
    """Type `text`, letting the editor indent new lines."""
    index = 0
    while index < len(text):
        piece = text[index]
        if piece == "\n":
            rest = text[index + 1 :]
            piece += rest[: len(rest) - len(rest.lstrip(" "))]
        yield Key(offset + index, offset + index, piece, _pause(rng, text[index - 1 : index]))
        index += len(piece)


def _pause(rng: random.Random, last: str) -> float:
    interval_s = rng.lognormvariate(0.0, _SPREAD) * _MEDIAN_INTERVAL_S
    if last in ("\n", "") and rng.random() < 0.4:
        return interval_s + rng.uniform(0.6, 2.0)
    if last in (" ", "(", "=") and rng.random() < 0.2:
        return interval_s + rng.uniform(0.3, 0.8)
    return interval_s
