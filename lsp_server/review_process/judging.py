"""What the review process tells of one finding for a judge, and whether a fix that was proposed holds. Pure."""

from lsp_server.review.finding import Confidence, Finding, Offsets, Review
from lsp_server.review.rulebook import Rulebook
from lsp_server.review.slices import slice_of
from lsp_server.review.verdict import Fix, apply_fix
from lsp_server.review_process.messages import Case, Tried
from lsp_server.review_process.whole import WholeReviewer


def read_case(review: Review, text: str, fingerprint: str, rulebook: Rulebook) -> Case:
    """Return the case of a finding of `review`, which is that of `text`."""
    finding = next((each for each in review.findings if each.fingerprint == fingerprint), None)
    lines = text.split("\n")
    if finding is None or finding.place.line >= len(lines):
        return Case()
    return Case(
        slice_of(text, finding, review.scopes), lines[finding.place.line], rulebook.families[finding.rule].title
    )


def try_fix(
    reviewer: WholeReviewer, text: str, language_id: str, path: str | None, fingerprint: str, fix: Fix
) -> Tried:
    """Return the edit of `fix` if it applies, parses no worse, clears the finding and brings no other."""
    fixed = apply_fix(text, fix)
    if fixed is None:
        return Tried()
    before, after = reviewer.review(text, language_id, path), reviewer.review(fixed, language_id, path)
    if after.skipped or after.is_broken > before.is_broken:
        return Tried()
    known = {finding.fingerprint for finding in before.findings}
    if any(_is_worse(finding, known, fingerprint) for finding in after.findings):
        return Tried()
    start = text.index(fix.old_text)
    return Tried(Offsets(text).place(start, start + len(fix.old_text)), fix.new_text)


def _is_worse(finding: Finding, known: set[str], fingerprint: str) -> bool:
    """Tell whether `finding` is the one that was to go, or a new one that is shown."""
    is_new = finding.fingerprint not in known and finding.confidence >= Confidence.MEDIUM
    return finding.fingerprint == fingerprint or is_new
