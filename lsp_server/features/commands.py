"""workspace/executeCommand: one method for the commands that other features register."""

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from lsp_server.errors import HearthlineError

if TYPE_CHECKING:
    from lsp_server.server import HearthlineServer


def register(server: "HearthlineServer") -> None:
    """Register the method."""

    @server.feature(types.WORKSPACE_EXECUTE_COMMAND)
    async def execute_command(params: types.ExecuteCommandParams) -> Any:
        command = server.protocol.fm.commands.get(params.command)
        if command is None:
            raise HearthlineError(f"{params.command} is not a command of this server")
        return await command(*(params.arguments or ()))
