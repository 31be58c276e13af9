/** hearthline/input: the server asks the person for a line of text. */

import { window } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { INPUT } from "./protocol.ts";

/** Answer the server's questions with what the person types; null where they think better of it. */
export function answerInput(client: LanguageClient): void {
  client.onRequest(INPUT, async ({ prompt }: { readonly prompt: string }) => {
    const text = await window.showInputBox({ prompt, title: "Hearthline", ignoreFocusOut: true });
    return text === undefined ? null : { text };
  });
}
