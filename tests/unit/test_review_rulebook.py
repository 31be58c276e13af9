"""Reading rules: the form is held to, and API path patterns match what they say."""

from pathlib import Path

import pytest

from lsp_server.review.api_paths import PatternTable, attribute, compile_pattern, element, result, spread_braces
from lsp_server.review.rulebook import LANGUAGES, RULES_OF, RuleError, load, read, rule_names

HEAD = 'id = "a"\ncwe = 1\nalso = [2]\ntitle = "t"\nmessage = "m"\n'


def test_the_rules_of_this_installation_can_be_read() -> None:
    rulebook = load()

    assert rulebook is load()
    assert rulebook.families["sql-injection"].covers(89)
    assert rulebook.families["sql-injection"].covers(564)
    assert not rulebook.families["sql-injection"].covers(79)
    assert all(rulebook.for_language(language) is not None for language in RULES_OF)
    assert rulebook.for_language("plaintext") is None
    assert set(RULES_OF.values()) == set(LANGUAGES)


def test_the_hash_tells_rules_apart(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(HEAD)
    first = read(tmp_path).hash
    assert read(tmp_path).hash == first
    (tmp_path / "a.toml").write_text(HEAD + "[[python.sinks]]\ncall = ['x']\n")
    assert read(tmp_path).hash != first


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        pytest.param("a.toml", "id = ", "a.toml", id="no TOML"),
        pytest.param("a.toml", HEAD.replace("cwe = 1\n", ""), "cwe", id="a key is missing"),
        pytest.param("a.toml", HEAD + "[[python.sinks]]\ncal = ['x']\n", "sinks[0]", id="an unknown key"),
        pytest.param("a.toml", HEAD + "[[pyhton.sinks]]\ncall = ['x']\n", "pyhton", id="an unknown language"),
        pytest.param("a.toml", HEAD + "[[python.sinks]]\ncall = ['x{a']\n", "brace", id="a brace without its partner"),
        pytest.param("a.toml", HEAD + "[[python.sinks]]\ncall = ['']\n", "empty", id="an empty pattern"),
        pytest.param(
            "a.toml",
            HEAD + "[[python.sinks]]\ncall = ['x']\nwhere = [{argument = 0, matches = '('}]\n",
            "a.toml",
            id="a regular expression that is none",
        ),
        pytest.param(
            "a.toml",
            HEAD + "[[python.sinks]]\ncall = ['x']\nwhere = [{argument = 0, shape = 'round'}]\n",
            "round",
            id="an unknown shape",
        ),
        pytest.param("sources.toml", "[[python.sources]]\npath = ['x']\n", "label", id="a source without a label"),
        pytest.param(
            "sources.toml",
            "[[python.sources]]\npath = ['x']\nlabel = 'l'\nkind = 'mars'\n",
            "mars",
            id="a source of an unknown kind",
        ),
    ],
)
def test_what_has_not_the_form_is_refused_by_name(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(RuleError) as caught:
        read(tmp_path)

    assert name in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("os.system", ["os.system"], ["os.systems", "my.os.system", "os.system()"]),
        ("*.execute", ["?.execute", "sqlite3.connect().cursor().execute"], ["execute", "?.execute()", "?.executemany"]),
        ("a().b*", ["a().b", "a().bc"], ["a().b.c", "a().b()"]),
        ("*.create*", ["crypto.createHash"], ["crypto.createHash().update"]),
        ("*.headers[]", ["r.headers[]", "r.headers.host"], ["r.headers", "r.headers.get()"]),
        ("*", ["anything", "a.b()"], []),
    ],
)
def test_patterns(pattern: str, matching: list[str], others: list[str]) -> None:
    table: PatternTable[str] = PatternTable()
    table.add([pattern], "rule")

    assert [path for path in (*matching, *others) if table.find(path)] == matching
    assert [path for path in (*matching, *others) if compile_pattern(pattern).fullmatch(path)] == matching


def test_braces_stand_for_several() -> None:
    assert spread_braces("{a,b}.c{d,}") == ["a.cd", "a.c", "b.cd", "b.c"]
    table: PatternTable[str] = PatternTable()
    table.add(["*.{get,post}", "app.{get,post}"], "rule")
    assert table.find("app.get") == ("rule",)
    assert bool(table)
    assert not PatternTable[str]()


def test_paths_are_bounded() -> None:
    path = "a"
    for _ in range(1000):
        path = element(result(attribute(path, "name")))

    assert len(path) < 200


def test_the_rules_names_are_known_without_reading_them() -> None:
    assert rule_names() == load().families.keys()
