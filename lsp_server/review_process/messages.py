"""What goes through the review process's pipe: 4 bytes of length, big-endian, then MessagePack.

First a greeting; then per Request an Answer of its kind, in order. Lines and columns are code points everywhere.
"""

import msgspec

from lsp_server.context.anatomy import Anatomy
from lsp_server.context.subject import Subject
from lsp_server.fixes.doc_styles import Style
from lsp_server.fixes.documented import Documented
from lsp_server.review.finding import Finding, Place
from lsp_server.review.ignoring import Edit
from lsp_server.review.suppressions import Problem
from lsp_server.review.verdict import Fix

LIMIT_S = 2.0
"""So long a request may compute; the system ends the process then, whatever it is at."""
GREETING = b"hearthline review"


class ReviewText(msgspec.Struct, frozen=True, tag=True):
    r"""Review the text of an open document. Its lines end in `\n`.

    path: on this machine, None for a document that is no file. with_baseline: compare with git's HEAD.
    takes_longer: look further than the text itself as well (`whole`).
    """

    uri: str
    version: int
    language_id: str
    text: str
    path: str | None = None
    with_baseline: bool = True
    takes_longer: bool = False


class ReviewFile(msgspec.Struct, frozen=True, tag=True):
    """Review the file at `path`, as it lies on the disk."""

    path: str
    with_baseline: bool = True


class FindIgnores(msgspec.Struct, frozen=True, tag=True):
    """Find the edits that let a finding of `rule` on `line` of `text` stand.

    folders: of the workspace, where a project's file may be made. ending: of the document's lines.
    """

    language_id: str
    text: str
    rule: str
    line: int
    ending: str
    path: str | None = None
    folders: tuple[str, ...] = ()


class ReadCase(msgspec.Struct, frozen=True, tag=True):
    """Read what a judge needs to see of the finding with this fingerprint."""

    language_id: str
    text: str
    fingerprint: str
    path: str | None = None


class TryFix(msgspec.Struct, frozen=True, tag=True):
    """Find out whether the finding with this fingerprint is gone once `fix` is made, and nothing else is worse."""

    language_id: str
    text: str
    fingerprint: str
    fix: Fix
    path: str | None = None


class TryEdit(msgspec.Struct, frozen=True, tag=True):
    """Find out whether a problem is gone once `text` says `fixed`, and nothing else is worse.

    first_line, last_line: those the problem is reported on, or that documentation is written to. fingerprint: of the
    finding that it is, "" for what another tool reports. code: what that tool calls it. is_documentation: there is no
    problem; the edit may change no code.
    """

    uri: str
    language_id: str
    text: str
    fixed: str
    first_line: int
    last_line: int
    fingerprint: str = ""
    code: str = ""
    path: str | None = None
    is_documentation: bool = False


class ReadDocumented(msgspec.Struct, frozen=True, tag=True):
    """Read what the documentation of a function or class must know: the one that the lines are about.

    Lines are 0-based and inclusive.
    """

    uri: str
    language_id: str
    text: str
    first_line: int
    last_line: int


class FindSubject(msgspec.Struct, frozen=True, tag=True):
    """Find the function or class that the lines of an open document, 0-based and inclusive, are about.

    is_closer: look at what it is made of, too.
    """

    uri: str
    language_id: str
    text: str
    first_line: int
    last_line: int
    is_closer: bool = False


class Forget(msgspec.Struct, frozen=True, tag=True):
    """The document was closed."""

    uri: str


class HoldProject(msgspec.Struct, frozen=True, tag=True):
    """The `.hearthline.toml` at `path` is open in the editor and holds `text`; None: look at the disk again."""

    path: str
    text: str | None


Request = (
    ReviewText
    | ReviewFile
    | FindIgnores
    | ReadCase
    | TryFix
    | TryEdit
    | ReadDocumented
    | FindSubject
    | Forget
    | HoldProject
)


class Judged(msgspec.Struct, frozen=True):
    """A finding to be shown. is_new: it does not stand in git's HEAD already."""

    finding: Finding
    is_new: bool = True


class Reviewed(msgspec.Struct, frozen=True, tag=True):
    """What is to be said of a text, the surest first where there is very much.

    skipped: why it was not looked at, in words. problems: ignores in the text that cannot be read.
    project_problem: the same of the project's file, named. lines: of a file that is not open, what findings touch.
    troubles: what went wrong inside, for the log. is_left_out: skipped because it broke the process.
    """

    findings: tuple[Judged, ...] = ()
    skipped: str = ""
    problems: tuple[Problem, ...] = ()
    project_problem: str = ""
    lines: dict[int, str] = {}
    troubles: tuple[str, ...] = ()
    is_left_out: bool = False


class Ignores(msgspec.Struct, frozen=True, tag=True):
    """The edits that were asked for, None where there is none.

    project_path: the project's file, None where there is no project; project_text: what it holds, None if it is to be
    made; project_added: what goes behind that.
    """

    line: Edit | None = None
    file: Edit | None = None
    project_path: str | None = None
    project_text: str | None = None
    project_added: str | None = None


class Case(msgspec.Struct, frozen=True, tag=True):
    """What a judge needs to see of a finding.

    code: its slice, "" where it is not there any more; line: where it is reported; title: of its family.
    """

    code: str = ""
    line: str = ""
    title: str = ""


class Tried(msgspec.Struct, frozen=True, tag=True):
    """A fix that holds: `text` replaces `place`; None where it does not hold."""

    place: Place | None = None
    text: str = ""


class Held(msgspec.Struct, frozen=True, tag=True):
    """Whether an edit holds.

    refusal: why it does not, to be read behind "the proposal"; "" where it does. checked: a sentence on how the problem
    was found to be gone, "" where nobody here can tell.
    """

    refusal: str = ""
    checked: str = ""


class ToDocument(msgspec.Struct, frozen=True, tag=True):
    """A function or class, None where there is none, and the style of its file."""

    documented: Documented | None
    style: Style


class Located(msgspec.Struct, frozen=True, tag=True):
    """What lines are about, None where that cannot be told, and what it is made of."""

    subject: Subject | None = None
    anatomy: Anatomy = Anatomy()


class Done(msgspec.Struct, frozen=True, tag=True):
    """There is nothing to answer."""


Answer = Reviewed | Ignores | Case | Tried | Held | ToDocument | Located | Done
