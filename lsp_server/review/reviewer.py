"""Text -> findings: parse, lower, walk, and turn what was met into findings. Pure.

Invariant: a review never raises, whatever the text, and takes bounded time; where a file was not looked at, or not to
its end, `skipped` says why, in words.
"""

import gc
import logging
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from lsp_server.review import again
from lsp_server.review.finding import Review
from lsp_server.review.rulebook import Rulebook
from lsp_server.review.taint.walk import Resolve

LARGEST_BYTES = 512 * 1024
"""Larger files are tables or bundles, and parsing them would hold everything up."""

_LONGEST_AVERAGE_LINE = 300  # code points: longer ones on average are minified
_FEW_LINES = 20  # below which the average says nothing
_HEAD_BYTES = 8192  # where a binary file shows its NUL
_MOST_CACHED = 256  # reviews; a window has fewer documents open
_MOST_DOCUMENTS = 32  # of which trees are kept; one of 5,000 lines takes two megabytes

_log = logging.getLogger(__name__)


class Reviewer:
    """Reviews files with one rulebook, and remembers what it found in the last texts, and of open documents more."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self._known: OrderedDict[bytes, Review] = OrderedDict()
        self._documents: OrderedDict[str, again.Kept] = OrderedDict()

    def review(
        self,
        text: str,
        language_id: str,
        path: str | None = None,
        resolve: Resolve | None = None,
        document: str | None = None,
    ) -> Review:
        """Return the review of `text`. path: for the log alone. resolve: API path -> what a workspace file has there.

        With `resolve` nothing is remembered: other files change too. document: which one's text it is; the next review
        of that one goes by this.
        """
        rules = self.rulebook.for_language(language_id)
        if rules is None:
            return Review((), (), f"no rules for {language_id}")
        reason = not_looked_at(text)
        if reason:
            return Review((), (), reason)
        source = text.encode("utf-8", "replace")
        key = sha256(language_id.encode() + b"\0" + source).digest()
        if resolve is None and (known := self._known.get(key)) is not None:
            self._known.move_to_end(key)
            return known
        try:
            with _no_collection():
                kept = self._documents.get(document or "") if resolve is None else None
                review, kept = again.review(source, language_id, rules, kept, resolve)
        except RecursionError:
            review = Review((), (), "nested too deeply")
        except Exception as error:  # a fault of ours must not take the editor's other findings along
            where = traceback.extract_tb(error.__traceback__)[-1]  # not its text: that may quote the source
            _log.error("the review of %s failed: %s in %s", path or "a file", type(error).__name__, where.name)
            review = Review((), (), "the review failed; the log says where")
        if resolve is None:
            self._keep(document, kept)
            self._known[key] = review
            if len(self._known) > _MOST_CACHED:
                self._known.popitem(last=False)
        return review

    def forget(self, document: str) -> None:
        """Keep nothing more of a document that was closed."""
        self._documents.pop(document, None)

    def _keep(self, document: str | None, kept: again.Kept | None) -> None:
        if document is not None and kept is not None:
            self._documents[document] = kept
            self._documents.move_to_end(document)
            if len(self._documents) > _MOST_DOCUMENTS:
                self._documents.popitem(last=False)


def not_looked_at(text: str) -> str:
    """Return why `text` is not reviewed, in words; "" when it is."""
    if "\0" in text[:_HEAD_BYTES]:
        return "binary"
    if len(text) > LARGEST_BYTES:
        return f"larger than {LARGEST_BYTES // 1024} KB"
    n_lines = text.count("\n") + 1
    if len(text) / n_lines > _LONGEST_AVERAGE_LINE and len(text) > _FEW_LINES * _LONGEST_AVERAGE_LINE:
        return "minified"
    return ""


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let the garbage collector rest meanwhile: it looks through all of a program again and again, for nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
