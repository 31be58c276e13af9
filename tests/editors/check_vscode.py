"""Types, lint and unit tests of the extension for VS Code: `python -m tests.editors.check_vscode`.

Where its packages are not there (`npm ci` in `editors/vscode`), or no Node, nothing is checked, and that is said: who
works on Python needs neither. The tests of the real editor check it whenever they run.
"""

import os
import subprocess

from tests.editors.install_vscode import find_node
from tests.editors.vscode import EXTENSION


def main() -> int:
    """Check it; return the exit code."""
    node = find_node()
    if node is None or not (EXTENSION / "node_modules").is_dir():
        print("the extension for VS Code is not checked: that takes Node 22 and `npm ci` in editors/vscode")
        return 0
    path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return subprocess.run(
        ["npm", "run", "check"], cwd=EXTENSION, env=os.environ | {"PATH": path}, check=False
    ).returncode


if __name__ == "__main__":
    raise SystemExit(main())
