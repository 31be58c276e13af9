"""The real language server over stdio, its engine scripted by a file.

`python -m tests.editors.rules_server RULES.json`: a list of objects with the fields of `engine.scripted.Rule`, and
`other`: the reply to whoever asks for several candidates, after the first one; or `loading`: the share of its weights
that the model has read, which is why there is no answer.
`--without METHOD` takes a method, and with it its capability, out of the server: the control that a test can fail.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from lsp_server.engine.protocol import ChatRequest, CompletionRequest
from lsp_server.engine.scripted import Rule, ScriptedEngine
from lsp_server.errors import ModelLoading
from lsp_server.server import create_server, serve_stdio


def rule_of(fields: dict[str, Any]) -> Rule:
    """Return the rule that an object of the file stands for."""
    other, loading, reply = fields.pop("other", None), fields.pop("loading", None), fields.get("reply", "")
    if loading is not None:
        return Rule(**fields, error=ModelLoading("the model is being read", loading))
    if other is None:
        return Rule(**fields)

    def answer(request: CompletionRequest | ChatRequest) -> str:
        return str(other if request.temperature else reply)

    return Rule(**(fields | {"reply": answer}))


def main() -> int:
    """Serve until the editor leaves; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rules", type=Path)
    parser.add_argument("--without", metavar="METHOD")
    arguments = parser.parse_args()
    rules = json.loads(arguments.rules.read_text())
    engine = ScriptedEngine([rule_of(rule) for rule in rules])
    engine.capabilities_told = replace(engine.capabilities_told, assistant_model="scripted")
    server = create_server(engine)
    if arguments.without:
        del server.protocol.fm.features[arguments.without]
    return serve_stdio(server)


if __name__ == "__main__":
    raise SystemExit(main())
