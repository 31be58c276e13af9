"""Where nothing is suggested: in comments and strings of who wants none there, of what looks like secrets, in doubt."""

import math

import pytest

from lsp_server.completion.lines import Drop
from lsp_server.document import Document, Position
from lsp_server.engine.protocol import CompletionRequest
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.features.suggester import Suggester
from lsp_server.features.suggestion import Suggestion
from lsp_server.session import Session
from lsp_server.settings import CompletionSettings, Settings
from lsp_server.status import Reason, Status
from tests.unit.test_suggester import NoClient

pytestmark = pytest.mark.anyio

KEY = "-----BEGIN RSA PRIVATE KEY" + "-----"


class Window:
    """One document, and a scripted engine that remembers what it was asked."""

    def __init__(self, uri: str, text: str, *, logprob: float | None = None, **completion: float) -> None:
        self.engine = ScriptedEngine([Rule("", "value", logprob=logprob)])
        settings = Settings(CompletionSettings(debounce_ms=0, **completion))  # type: ignore[arg-type]
        self.session = Session(Status(NoClient()), self.engine, settings)
        before, _, after = text.partition("‸")
        self.session.documents[uri] = Document(uri, before + after, version=1, language_id="python")
        self.snapshot = self.session.documents[uri].snapshot()
        self.position = Position(before.count("\n"), len(before.rpartition("\n")[2]))
        self.suggester = Suggester(self.session)

    async def suggest(self, *, is_invoked: bool = True) -> Suggestion:
        return await self.suggester.suggest(self.snapshot, self.position, is_invoked=is_invoked)


@pytest.mark.parametrize("name", [".env", ".env.local", "server.pem", "id_rsa", "secrets.yaml", ".ssh/config"])
async def test_a_file_named_as_credentials_is_shown_to_no_model(name: str) -> None:
    window = Window(f"file:///home/me/{name}", "key = ‸")
    assert (await window.suggest()).reason is Reason.SECRET
    assert window.engine.served == []


@pytest.mark.parametrize(
    "text",
    [f'key = """{KEY}\nMIIE\n"""\n‸', f'‸\nkey = """{KEY}\nMIIE\n"""\n', "token = 'ghp_" + "a1B2" * 9 + "'\nx = ‸"],
)
async def test_a_text_that_holds_credentials_is_shown_to_no_model(text: str) -> None:
    window = Window("file:///home/me/app.py", text)
    assert (await window.suggest()).reason is Reason.SECRET
    assert window.engine.served == []


@pytest.mark.parametrize(
    ("text", "setting", "reason"),
    [
        ("x = 1  # note ‸", "in_comments", Reason.IN_COMMENT),
        ('def f():\n    """‸\n', "in_comments", Reason.IN_COMMENT),
        ('print("a ‸")', "in_strings", Reason.IN_STRING),
    ],
)
async def test_comments_and_strings_are_left_alone_for_who_says_so(text: str, setting: str, reason: Reason) -> None:
    window = Window("file:///home/me/app.py", text, **{setting: False})
    assert (await window.suggest()).reason is reason
    assert window.engine.served == []
    assert (await Window("file:///home/me/app.py", text).suggest()).reason is not reason


async def test_code_is_completed_where_comments_and_strings_are_not() -> None:
    window = Window("file:///home/me/app.py", "x = ‸", in_comments=False, in_strings=False)
    assert (await window.suggest()).text == "value"


@pytest.mark.parametrize(
    ("share", "least", "text"), [(0.5, 0.6, ""), (0.7, 0.6, "value"), (0.5, 0.0, "value"), (None, 1.0, "value")]
)
async def test_nothing_is_shown_that_the_model_was_not_sure_of(share: float | None, least: float, text: str) -> None:
    logprob = None if share is None else math.log(share)
    window = Window("file:///home/me/app.py", "x = ‸", logprob=logprob, min_confidence=least)
    suggestion = await window.suggest(is_invoked=False)
    assert suggestion.text == text
    if not text:
        assert (suggestion.reason, suggestion.words) == (Reason.NOTHING_TO_ADD, Drop.UNSURE)
    request = window.engine.served[0].request
    assert isinstance(request, CompletionRequest)
    assert request.wants_logprobs is (least > 0)


async def test_who_asks_is_shown_what_the_model_was_not_sure_of() -> None:
    window = Window("file:///home/me/app.py", "x = ‸", logprob=math.log(0.3), min_confidence=0.6)
    assert (await window.suggest(is_invoked=False)).text == ""
    assert (await window.suggest()).text == "value"
    assert (await window.suggest(is_invoked=False)).text == "value"  # it stands there; taking it away would flicker
