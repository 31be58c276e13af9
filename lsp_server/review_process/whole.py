"""Everything that is said of one text: rules and taint, credentials, other files' part in it, a second source.

How their findings become one list is `review.merging`.
"""

from collections.abc import Iterable
from dataclasses import replace

from lsp_server.review.finding import Finding, Review
from lsp_server.review.longer_look import still_there
from lsp_server.review.merging import add_new, numbered
from lsp_server.review.reviewer import Reviewer
from lsp_server.review.rulebook import RULES_OF, Rulebook
from lsp_server.review.secrets import RULE, find_credentials
from lsp_server.review_process.neighbours import Neighbours
from lsp_server.review_process.ruff import ask_ruff


class WholeReviewer:
    """A `Reviewer` and the other sources. Keeps the reviewer's caches. reviewer: in place of its own."""

    def __init__(self, rulebook: Rulebook, reviewer: Reviewer | None = None) -> None:
        self._families = rulebook.families
        self._cwe_of = {family.id: family.cwe for family in rulebook.families.values()}
        self._reviewer = reviewer or Reviewer(rulebook)
        self._neighbours = Neighbours()

    def forget(self, document: str) -> None:
        """Keep nothing more of a document that was closed."""
        self._reviewer.forget(document)

    def review(
        self,
        text: str,
        language_id: str,
        path: str | None = None,
        *,
        takes_longer: bool = False,
        earlier: Iterable[Finding] = (),
        document: str | None = None,
    ) -> Review:
        """Return what is to be said of `text`.

        takes_longer: ask ruff too, and follow calls into the project's other files, which takes some ten milliseconds
        more. earlier: what was found in the text before, of which that part is kept where it is not looked for.
        document: as `Reviewer.review` has it.
        """
        if language_id not in RULES_OF:
            review = Review((), ())
        elif takes_longer and path is not None:
            review = self._reviewer.review(text, language_id, path, self._neighbours.of(path, language_id))
        else:
            review = self._reviewer.review(text, language_id, path, document=document)
        if not review.is_looked_at:
            return review
        found = add_new(review.findings, find_credentials(text, self._families[RULE]))
        if not takes_longer:
            found = add_new(found, still_there(earlier, text))
        elif language_id == "python" and not review.is_broken:
            found = add_new(found, ask_ruff(text, self._cwe_of))
        return replace(review, findings=numbered(found))
