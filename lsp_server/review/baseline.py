"""Which findings are new, compared with an older text of the same file. Pure."""

from collections.abc import Collection, Iterable

from lsp_server.review.finding import Finding


def fingerprints(findings: Iterable[Finding]) -> frozenset[str]:
    """Return what is kept of an older text's findings."""
    return frozenset(finding.fingerprint for finding in findings)


def is_new(finding: Finding, older: Collection[str] | None) -> bool:
    """Tell whether `finding` is not among `older`. None: there is no older text, so that everything is new."""
    return older is None or finding.fingerprint not in older
