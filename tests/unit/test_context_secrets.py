"""What is taken for a secret, by name and by content, and what is not."""

import base64
import hashlib
import random
import string
import sysconfig
import uuid
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.context import secrets
from lsp_server.context.secrets import has_secret, has_secret_still, is_secret_name
from lsp_server.context.terms import words_of

# Made by chance here, so that no file of this project holds what looks like a credential.
CHANCE = random.Random(7)


def drawn(alphabet: str, n: int) -> str:
    return "".join(CHANCE.choices(alphabet, k=n))


ALNUM = string.ascii_letters + string.digits
UPPER32 = string.ascii_uppercase + "234567"


@pytest.mark.parametrize(
    "path",
    [
        ".env", "a/.env", "a/.env.local", "prod.env", ".envrc", "server.pem", "deep/er/tls.KEY", "cert.p12", "x.pfx",
        "release.jks", "id_rsa", "id_ed25519", "id_rsa.pub", "id_work", "id_token.txt", ".netrc", "home/_netrc",
        ".npmrc", ".pypirc", ".git-credentials", ".htpasswd", "credentials", "secrets.yaml",
        "config/secrets.json", "x.tfstate", "terraform.tfvars",
        ".ssh/config", "a/.aws/config", ".kube/config", "vault.kdbx", "key.asc", "kubeconfig",
        "service-account-prod.json",
    ],
)  # fmt: skip
def test_names_of_credentials(path: str) -> None:
    assert is_secret_name(path)


@pytest.mark.parametrize(
    "path",
    [
        "main.py", "environment.py", "env.py", "envs/base.py", "secrets.py", "src/secret.rs", "id_map.py",
        "id_generator.go", "keys.py", "key.ts", "keyboard.c", "token.py", "tokens/tokenizer.py", "password_reset.html",
        "credentials.py", "pem.py", "README.md", "idea.py", "docs/env.md", "config.toml", "package.json",
    ],
)  # fmt: skip
def test_names_of_programs(path: str) -> None:
    assert not is_secret_name(path)


SECRETS = {
    "rsa": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n",
    "pkcs8 in a string": 'KEY = """-----BEGIN PRIVATE KEY-----\nMIIE"""',
    "openssh": "-----BEGIN OPENSSH PRIVATE KEY-----",
    "pgp": "-----BEGIN PGP PRIVATE KEY BLOCK-----",
    "putty": "PuTTY-User-Key-File-3: ssh-ed25519",
    "aws id": f'aws = "AKIA{drawn(UPPER32, 16)}"',
    "aws secret": f'aws_secret_access_key = "{drawn(ALNUM + "/+", 40)}"',
    "github": f"ghp_{drawn(ALNUM, 36)}",
    "github fine": f"github_pat_{drawn(ALNUM, 22)}_{drawn(ALNUM, 59)}",
    "gitlab": f"glpat-{drawn(ALNUM, 20)}",
    "slack": f"xoxb-{drawn(string.digits, 12)}-{drawn(ALNUM, 24)}",
    "openai": f"sk-proj-{drawn(ALNUM, 20)}1{drawn(ALNUM, 28)}",
    "anthropic": f"sk-ant-api03-{drawn(ALNUM, 40)}7{drawn(ALNUM, 40)}",
    "hub": f"hf_{drawn(string.ascii_letters, 34)}",
    "stripe": f"sk_live_{drawn(ALNUM, 24)}",
    "google": f"AIza{drawn(ALNUM, 35)}",
    "npm": f"//host/:_authToken=npm_{drawn(ALNUM, 36)}",
    "jwt": f"eyJ{drawn(ALNUM, 30)}.eyJ{drawn(ALNUM, 40)}.{drawn(ALNUM, 43)}",
    "azure": f"AccountName=x;AccountKey={drawn(ALNUM, 86)}==",
    "url": f"postgres://admin:{drawn(ALNUM, 16)}@db.example:5432/x",
    "assigned": f'DB_PASSWORD = "{drawn(ALNUM, 10)}7x!4{drawn(ALNUM, 10)}"',
    "yaml": f"api_key: 4{drawn(ALNUM, 30)}9",
    "json": f'{{"client_secret": "{drawn(ALNUM, 15)}3-8{drawn(ALNUM, 15)}"}}',
    "arrow": f"'secret' => '9{drawn(ALNUM, 30)}2',",
}


@pytest.mark.parametrize("name", SECRETS)
def test_texts_with_secrets(name: str) -> None:
    assert has_secret(f"first line\n{SECRETS[name]}\nlast line\n")


PNG = base64.b64encode(bytes(CHANCE.randrange(256) for _ in range(600))).decode()
ORDINARY = {
    "sha256": f'sha256 = "{hashlib.sha256(b"x").hexdigest()}"',
    "token hash": f'token_sha1 = "{hashlib.sha1(b"x").hexdigest()}"',
    "uuid": f'access_token_id = "{uuid.UUID(int=CHANCE.getrandbits(128))}"',
    "integrity": f'"integrity": "sha512-{drawn(ALNUM, 86)}=="',
    "lorem": 'password_hint = "Lorem ipsum dolor sit amet consectetur"',
    "words": 'API_KEY = "your-api-key-goes-here-1234"',
    "placeholder": 'token = "xxxxxxxxxxxxxxxx1234"',
    "variable": "password = os.environ['DATABASE_PASSWORD_2']",
    "call": "token = secrets.token_urlsafe(32)",
    "name of a key": 'SECRET_KEY_SETTING = "django.conf.settings.SECRET_KEY"',
    "template": 'password = "${DB_PASSWORD_2024_PRODUCTION}"',
    "minified": "!function(e,t){var n=t.token=e.key,r=n.password=1;return n+r}(a,b);" * 5,
    "image": f'IMAGE = "data:image/png;base64,{PNG}"',
    "fixture": f'data = b"{PNG}"',
    "public key": "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n",
    "words about keys": "# begin private key here; AKIA is the prefix of an access key, ghp_ that of a token",
    "parameter": "def login(user: str, password: str = DEFAULT_PASSWORD_V2) -> Token2: ...",
    "tokenizer": 'special_tokens = ["<|fim_prefix|>", "<|fim_suffix|>"]\nunk_token: <|endoftext|>\n',
    "url without": "https://user@example.com/path and https://example.com:8080/@scope/x",
    "url example": "postgres://user:password@localhost/db",
    "css": ".token-keyword { color: #a626a4; }",
    "model name": 'token_model = "qwen2.5-coder-0.5b-instruct"',
    "path": 'key_file = "/etc/ssl/private/server-2024/app1"',
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_texts(name: str) -> None:
    assert not has_secret(f"first line\n{ORDINARY[name]}\nlast line\n")


def test_the_standard_library_is_hardly_ever_taken_for_a_secret() -> None:
    library = Path(sysconfig.get_path("stdlib"))
    taken = [
        path.name
        for path in sorted(library.glob("*.py"))
        if has_secret(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert taken == []


@pytest.mark.parametrize("before", ["", "x", "_", "9", "-", "é", "İ ", "/"])
@pytest.mark.parametrize("name", [*SECRETS, *ORDINARY])
def test_looking_through_the_words_first_changes_no_answer(name: str, before: str) -> None:
    text = f"first line\n{before}{(SECRETS | ORDINARY)[name]}\nlast line\n"
    for each in (text, text.upper(), text.lower()):
        assert has_secret(each, words_of(each)) == has_secret(each)


LINES = [*(secret for secret in SECRETS.values()), "x = 1", "", "    token", "=", "a long line " * 70]


@given(st.lists(st.sampled_from(LINES + ["def function(a, b):"] * 20), max_size=120))
def test_a_text_looked_at_in_blocks_hides_nothing(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert has_secret_still(text) == has_secret(text)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_found_wherever_blocks_end(name: str) -> None:
    for n_before in range(30, 110):
        text = "ordinary = of_this(line)\n" * n_before + SECRETS[name] + "\nordinary = of_this(line)" * 100
        assert has_secret_still(text)


def test_what_was_not_changed_is_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    monkeypatch.setattr(secrets, "_block_has_secret", lru_cache(lambda block: searched.append(block)))
    text = "".join(f"line_{number} = {number}\n" for number in range(1000))
    for typed in ("", "n", "ne", "nex", "next", "next_line = 1\n", "next_line = 1\nl"):
        has_secret_still(text + typed)
    n_chars = sum(map(len, searched))
    assert len(text) < n_chars < 1.5 * len(text) + 7 * 3000
    searched.clear()
    has_secret_still(text + "next_line = 1\nli")
    assert len(searched) == 1
