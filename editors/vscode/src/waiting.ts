/** Who typed before there was anybody to ask, and is shown what they waited for. */

import { commands, type Disposable, type TextDocument, window, workspace } from "vscode";
import type { Status } from "./protocol.ts";

/** Remembers the last edit in the active editor while the server starts and the model is read. */
export class Waiting implements Disposable {
  readonly #listener = workspace.onDidChangeTextDocument(({ document }) => this.#edited(document));
  #isReady = false;
  #edit: { readonly document: TextDocument; readonly version: number } | undefined;

  /** Follow how the server is; where it has become ready and nothing was typed since, have the editor ask. */
  note(status: Pick<Status, "state">): void {
    this.#isReady = status.state === "ready" || status.state === "working";
    const edit = this.#edit;
    if (!this.#isReady || edit === undefined) return;
    this.#edit = undefined;
    const isThere = window.activeTextEditor?.document === edit.document && edit.document.version === edit.version;
    if (isThere) void commands.executeCommand("editor.action.inlineSuggest.trigger");
  }

  dispose(): void {
    this.#listener.dispose();
  }

  #edited(document: TextDocument): void {
    if (!this.#isReady && document === window.activeTextEditor?.document) {
      this.#edit = { document, version: document.version };
    }
  }
}
