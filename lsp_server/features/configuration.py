"""workspace/didChangeConfiguration, workspace/configuration: the person's settings, wherever the client keeps them."""

import asyncio
import logging
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server import settings
from lsp_server.features import engine_status
from lsp_server.review.rulebook import rule_names
from lsp_server.review.suppressions import unknown_rule
from lsp_server.status import Severity

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer

_ANSWER_S = 10.0

_log = logging.getLogger(__name__)


def register(server: "HearthlineServer") -> None:
    """Register the method that tells of changed settings."""

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def did_change_configuration(params: types.DidChangeConfigurationParams) -> None:
        server.spawn(_change(server, params.settings))


async def begin(server: "HearthlineServer") -> None:
    """Read the settings that the client holds, and ask to be told when they change."""
    if server.session.capabilities.configuration_pull:
        await _pull(server)
    if server.session.capabilities.configuration_registration:
        wanted = types.Registration(
            id="hearthline-configuration",
            method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
            register_options=types.DidChangeConfigurationRegistrationOptions(section=settings.SECTION),
        )
        await _ask(server, types.CLIENT_REGISTER_CAPABILITY, types.RegistrationParams([wanted]))


def use(server: "HearthlineServer", raw: object) -> None:
    """Let the client's settings hold; say what is wrong with them."""
    parsed, problems = settings.parse(raw)
    server.use_settings(parsed)
    unknown = sorted(parsed.review.rules_off - rule_names())
    words = [f"hearthline.review.rules: {unknown_rule(name, rule_names())}" for name in unknown]
    for message in (*(problem.message for problem in problems), *words):
        _log.warning("%s", message)
        server.session.status.say_once(message, message, Severity.WARNING)


async def _change(server: "HearthlineServer", sent: object) -> None:
    if server.session.capabilities.configuration_pull:
        await _pull(server)
    else:
        use(server, sent)
    await engine_status.warm_up(server.session)
    server.on_ready()


async def _pull(server: "HearthlineServer") -> None:
    params = types.ConfigurationParams([types.ConfigurationItem(section=settings.SECTION)])
    answer = await _ask(server, types.WORKSPACE_CONFIGURATION, params)
    section = answer[0] if isinstance(answer, list | tuple) and answer else None
    if section:  # a client that holds none leaves what `initialize` brought
        use(server, section)


async def _ask(server: "HearthlineServer", method: str, params: object) -> object:
    try:
        return await asyncio.wait_for(server.protocol.send_request_async(method, params), _ANSWER_S)
    except (TimeoutError, JsonRpcException):
        _log.warning("the client did not answer %s", method)
        return None
