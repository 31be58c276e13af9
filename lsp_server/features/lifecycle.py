"""initialize, initialized, shutdown, workspace folders."""

from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.capabilities import ServerCapabilitiesBuilder

from lsp_server import convert
from lsp_server.features import configuration, engine_status
from lsp_server.features.streams import SCHEME
from lsp_server.status import State

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
        server.indexing.follow()


async def _begin(server: "HearthlineServer") -> None:
    await configuration.begin(server)
    server.begin_engine()
    server.spawn(server.streams.clean_up())
    await server.indexing.begin()
    server.session.status.report(State.STARTING, model=server.session.settings.completion.model)
    await engine_status.warm_up(server.session)
    server.on_ready()


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
    if (
        built.workspace is not None and server.session.capabilities.text_document_content
    ):  # which the builder leaves out
        built.workspace.text_document_content = types.TextDocumentContentOptions([SCHEME])
    return built
