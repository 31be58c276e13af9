"""From a place in a project to what its tests need: the framework, the test file, the examples. Blocking.

Executes nothing of the project. Invariant: which framework it is follows from the project's files; what is run for it
never does.
"""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lsp_server.context.secrets import has_secret
from lsp_server.context.subject import Subject
from lsp_server.errors import HearthlineError
from lsp_server.languages import language_of
from lsp_server.tests_for import merge_go
from lsp_server.tests_for.conventions import Conventions, find_conventions
from lsp_server.tests_for.conventions_names import Family, family_of
from lsp_server.tests_for.conventions_runner import root_of, runner_of
from lsp_server.tests_for.framework import Framework, Tool
from lsp_server.tests_for.go import GoFramework, GoTool, find_go
from lsp_server.tests_for.javascript import find_javascript
from lsp_server.tests_for.javascript_program import find_script_tool
from lsp_server.tests_for.listing import Listing, require_plain_place
from lsp_server.tests_for.python import find_python
from lsp_server.tests_for.target import Target


@dataclass(frozen=True, slots=True)
class Plan:
    """How one target is tested. language_id: of the test file; head: what a new one begins with.

    taken: names that tests in other files have, where a name may be used only once.
    """

    target: Target
    framework: Framework
    language_id: str
    head: str = ""
    taken: frozenset[str] = frozenset()


def find_tool(path: str, text: str, folder: Path, listing: Listing) -> Tool:
    """Return what runs the tests in the file at `path`, which says `text`. Raises HearthlineError."""
    family = family_of(path)
    if family is None:
        raise HearthlineError(f"{path} is in a language that no test framework is known for")
    root = root_of(path, listing.files, family)
    match family:
        case Family.JAVASCRIPT:
            runner = runner_of(root, listing.files, [path], family, listing.read)
            return find_script_tool(runner, root, folder, path, os.environ)
        case Family.GO:
            return GoTool(find_go(folder, os.environ))
        case Family.PYTHON:
            return find_python(folder, os.environ, [text], root)


def make_plan(subject: Subject, path: str, text: str, folder: Path, listing: Listing) -> Plan:
    """Return how `subject` in the file at `path` is tested. Raises HearthlineError where that is not known."""
    found = find_conventions(path, subject.qualified_name, listing.files, listing.read)
    if found is None:
        raise HearthlineError(f"{path} is in a language that no test framework is known for, or holds tests itself")
    require_plain_place(folder, found.path)
    existing = None if found.is_new else listing.read(found.path)
    if existing is None and not found.is_new:
        raise HearthlineError(f"{found.path}, where its tests belong, is too large or cannot be read")
    examples = [example.text for example in found.examples if not has_secret(example.text)]
    target = Target(subject, folder, path, text, found.path, existing, tuple(examples))
    language_id = language_of(found.path)
    match family_of(path):
        case Family.JAVASCRIPT:
            return Plan(target, find_javascript(found, target, os.environ), language_id)
        case Family.GO:
            clause, taken = _package(found, target, listing)
            framework = GoFramework(find_go(folder, os.environ), clause, taken)
            return Plan(target, framework, language_id, f"{clause}\n", taken)
        case _:
            texts = [text for text in (existing, *target.examples) if text]
            return Plan(target, find_python(folder, os.environ, texts, found.root), language_id)


def _package(found: Conventions, target: Target, listing: Listing) -> tuple[str, frozenset[str]]:
    """Return the package clause of a test file, and the functions that the package's other test files have."""
    clause = next((line for line in target.text.split("\n") if line.startswith("package ")), "package main")
    folder = PurePosixPath(target.path).parent
    others = [
        each
        for each in listing.files
        if each.endswith("_test.go") and PurePosixPath(each).parent == folder and each != found.path
    ]
    names = (name for each in others for name in merge_go.functions_in(listing.read(each) or ""))
    return clause, frozenset(names)
