"""What a person may call a model: a name of the catalogue, an id on the hub, or a path. Pure.

Invariant: which of the three a text is depends on the text alone, never on the current folder: a worker and the
language servers that ask it run in different ones.
"""

import os
import re
from dataclasses import dataclass

# The hub allows neither `--` nor `..` in a repository's id, which is what makes `folder_name` unambiguous.
_PART = r"(?!-)[A-Za-z0-9_](?:[A-Za-z0-9_]|[-.](?![-.]))*"
_HUB_ID = re.compile(
    rf"(?P<repository>{_PART}/{_PART})(?::(?P<filename>[A-Za-z0-9_][\w.+-]*\.gguf))?(?:@(?P<revision>[\w][\w./-]*))?",
    re.ASCII,
)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubId:
    """`org/name`, with `:file.gguf` for one file of it and `@revision` for a commit, branch or tag."""

    repository: str
    filename: str | None = None
    revision: str | None = None

    @property
    def name(self) -> str:
        """What the model is called once it is here: the id without a revision."""
        return self.repository if self.filename is None else f"{self.repository}:{self.filename}"


def parse_hub_id(text: str) -> HubId | None:
    """Read `org/name[:file.gguf][@revision]`; None for anything else, such as `folder/file.gguf`."""
    if _begins_as_path(text) or (is_gguf(text) and ":" not in text):
        return None
    found = _HUB_ID.fullmatch(text)
    return HubId(found["repository"], found["filename"], found["revision"]) if found else None


def is_path(text: str) -> bool:
    """Tell whether `text` is a path: it begins as one, is a GGUF file's, or has a separator and is no id."""
    return _begins_as_path(text) or (parse_hub_id(text) is None and (os.sep in text or is_gguf(text)))


def is_gguf(text: str) -> bool:
    """Tell whether `text` ends as the name of a GGUF file does."""
    return text.lower().endswith(".gguf")


def is_commit(revision: str) -> bool:
    """Tell whether `revision` is a commit's full id, which always means the same bytes."""
    return _COMMIT.fullmatch(revision) is not None


def folder_name(name: str) -> str:
    """Name the folder of the model called `name`: `org/name` becomes `org--name`."""
    return name.replace("/", "--").replace(":", "--")


def _begins_as_path(text: str) -> bool:
    return text.startswith(("/", ".", "~"))
