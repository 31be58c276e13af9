"""What a judge is asked about a finding, by the kind of weakness. Pure data."""

_QUESTIONS = {
    "sql-injection": (
        "Can the value change the structure of the query, or is it bound as a parameter, a number, or one of "
        "fixed values?"
    ),
    "command-injection": (
        "Can the value add a command or an option, or does it go as one argument without a shell, or is it "
        "one of fixed values?"
    ),
    "path-traversal": (
        "Can the value lead outside of the folder that is meant, or is the resolved path checked to stay "
        "inside, or only its last part used?"
    ),
    "cross-site-scripting": (
        "Does the value reach the page unescaped, or is it escaped, a number, or sent as another type than HTML?"
    ),
    "code-injection": "Is the value run as code or as a template, or is it one of fixed values?",
    "open-redirect": "Can the value name another host, or is it checked to be a relative or a known address?",
    "request-forgery": "Can the value choose the host that is asked, or only a part of the path behind a fixed host?",
    "unsafe-deserialization": "Can someone else write the bytes that are read, and can reading them run code?",
    "xml-external-entities": "Does someone else write the document, and are its entities resolved?",
    "header-injection": "Can the value hold a line break when it gets into the header?",
    "log-injection": "Can the value hold a line break when it gets into the log?",
    "cleartext-secret": "Is the value itself a secret, or only a name, a length, a hash or a fact about one?",
    "weak-cryptography": "Does the security of something depend on this, or is it a checksum or an identifier?",
    "weak-random": "Does the security of something depend on the number being unpredictable?",
    "hardcoded-credential": (
        "Is this a credential that works somewhere, or a placeholder, an example, a name or an empty value?"
    ),
    "slow-regex": (
        "Can someone else choose the text, and is there a text on which matching takes exponential or quadratic time?"
    ),
    "prototype-pollution": "Can the key be __proto__, constructor or prototype when the property is set?",
}
_DEFAULT = "Can someone outside of the program control the value when it gets to this place, and does that do harm?"


def question_about(rule: str) -> str:
    """Return the question for findings of `rule`."""
    return _QUESTIONS.get(rule, _DEFAULT)
