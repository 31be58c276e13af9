"""The pictures of the README, taken in a real VS Code: `python -m tests.editors.screenshots [NAME...]`.

Ghost text and the explanation come from the default model where it is installed, else from a script, and the last line
of each picture's words says which. The suggested tests come from a script and are really run; the finding needs no model.
"""

import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from inference.models.catalogue import DEFAULT_MODEL
from inference.models.store import find_model_dir
from tests.editors.home import HEARTHLINE, ROOT
from tests.editors.install_vscode import VSCode, find_vscode
from tests.editors.vscode import CodeServer, Workbench, build_extension

PICTURES = ROOT / "editors" / "pictures"
_SIZE = {"width": 1060, "height": 600}
_MODEL_S = 240.0
_LOOK: Mapping[str, object] = {
    "workbench.activityBar.location": "hidden",
    "workbench.layoutControl.enabled": False,
    "workbench.editor.showTabs": "single",
    "workbench.sideBar.location": "right",
    "window.commandCenter": False,
    "window.menuBarVisibility": "hidden",
    "breadcrumbs.enabled": False,
    "editor.lineNumbersMinChars": 3,
    "editor.fontSize": 14,
    "files.exclude": {".vscode": True},
}
