"""What the review process tells of one finding for a judge, and whether a fix that was proposed holds. Pure."""

from lsp_server.review.finding import Confidence, Place
from lsp_server.review.reviewer import Review
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
    if why_not(reviewer, text, fixed, language_id, path, fingerprint):
        return Tried()
    return Tried(_place_of(text, fix.old_text), fix.new_text)


def why_not(
    reviewer: WholeReviewer, text: str, fixed: str, language_id: str, path: str | None, fingerprint: str
) -> str:
    """Return why `fixed` does not mend the finding of `text`, to be read behind "the proposal"; "" where it does."""
    before, after = (reviewer.review(each, language_id, path, takes_longer=True) for each in (text, fixed))
    if after.skipped or after.is_broken > before.is_broken:
        return "does not parse"
    known = {finding.fingerprint: finding for finding in before.findings}
    mended = known.get(fingerprint)
    if mended is None:
        return "cannot be checked, since the problem is not found there any more"
    if fingerprint in {finding.fingerprint for finding in after.findings}:
        return "leaves the problem where it is"
    least = min(Confidence.MEDIUM, mended.confidence)
    new = [each for each in after.findings if each.fingerprint not in known and each.confidence >= least]
    if any(finding.rule == mended.rule for finding in new):
        return "leaves the problem where it is"
    return f"brings another problem, {new[0].rule}" if new else ""


def _place_of(text: str, part: str) -> Place:
    start = text.index(part)
    first, last = text[:start], text[: start + len(part)]
    return Place(
        first.count("\n"),
        len(first) - first.rfind("\n") - 1,
        last.count("\n"),
        len(last) - last.rfind("\n") - 1,
    )
