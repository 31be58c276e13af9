"""initialize, initialized, shutdown, workspace folders."""

from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.capabilities import ServerCapabilitiesBuilder

from lsp_server import convert
from lsp_server.errors import EngineError
from lsp_server.features import configuration
from lsp_server.status import Reason, State

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer


def register(server: "HearthlineServer") -> None:
    """Register the methods that begin and end a conversation."""
    session = server.session

    @server.feature(types.INITIALIZE)
    async def initialize(params: types.InitializeParams) -> types.InitializeResult:
        session.capabilities = convert.client_capabilities(params.capabilities)
        session.folders = convert.folders(params)
        if params.process_id is not None:
            server.on_editor(params.process_id)
        configuration.use(server, params.initialization_options)
        return types.InitializeResult(
            _capabilities(server, params.capabilities), types.ServerInfo(server.name, server.version)
        )

    @server.feature(types.INITIALIZED)
    async def initialized(_: types.InitializedParams) -> None:
        server.spawn(_begin(server))

    @server.feature(types.SHUTDOWN)
    async def shutdown(_: dict[str, object] | None) -> None:
        return None

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    async def did_change_workspace_folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        session.folders = convert.changed_folders(session.folders, params.event)


async def _begin(server: "HearthlineServer") -> None:
    """Read the settings the client holds, then have the engine ready before the first keystroke asks for it."""
    await configuration.begin(server)
    session = server.session
    if not session.settings.completion.enabled:
        session.status.report(State.OFF, Reason.OFF)
        return
    session.status.report(State.STARTING, model=session.settings.completion.model)
    try:
        await session.engine.warm_up()
        known = await session.engine.capabilities()
    except EngineError as error:
        session.status.report(State.PROBLEM, Reason.of_error(error), message=str(error))
    else:
        session.status.report(State.READY, model=known.completion_model)


def _capabilities(server: "HearthlineServer", client: types.ClientCapabilities) -> types.ServerCapabilities:
    offered = set(server.protocol.fm.features)
    if server.session.capabilities.inline_completion:
        offered.discard(types.TEXT_DOCUMENT_COMPLETION)  # the fallback: both would show everything twice
    builder = ServerCapabilitiesBuilder(
        client,
        offered,
        server.protocol.fm.feature_options,
        list(server.protocol.fm.commands),
        types.TextDocumentSyncKind.Incremental,
        None,
        types.PositionEncodingKind(server.session.capabilities.position_encoding),
    )
    built: types.ServerCapabilities = builder.build()  # type: ignore[no-untyped-call]
    if not server.protocol.fm.commands:
        built.execute_command_provider = None
    return built
