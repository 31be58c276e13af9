"""Common Weakness Enumeration: where a number is explained. Pure."""


def page_of(cwe: int) -> str:
    """Return the address of the page that explains `cwe`."""
    return f"https://cwe.mitre.org/data/definitions/{cwe}.html"
