/** Where the person is, as the server's commands want it. */

import { window } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import type { Place } from "./protocol.ts";

/** The selection of the active editor; undefined where none is open. `what`: the thing there, or just what is selected. */
export function placeHere(client: LanguageClient): (Place & { readonly what: "symbol" | "selection" }) | undefined {
  const editor = window.activeTextEditor;
  if (editor === undefined) return undefined;
  const { document, selection } = editor;
  return {
    uri: client.code2ProtocolConverter.asUri(document.uri),
    range: client.code2ProtocolConverter.asRange(selection),
    version: document.version,
    what: selection.isEmpty ? "symbol" : "selection",
  };
}
