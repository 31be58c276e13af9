/** Who typed while the model was still being read, and is shown what they waited for. */

import {
  commands,
  type InlineCompletionItem,
  type InlineCompletionList,
  type Position,
  type ProviderResult,
  type TextDocument,
  window,
} from "vscode";
import type { Status } from "./protocol.ts";

type Items = ProviderResult<InlineCompletionItem[] | InlineCompletionList>;

/** Remembers the place where an editor asked for ghost text and got none because the engine was not ready. */
export class Waiting {
  #isReady = false;
  #place: { readonly document: TextDocument; readonly version: number; readonly position: Position } | undefined;

  /** Hand on `answer`; keep the place where there was none to give. */
  async watch(
    document: TextDocument,
    position: Position,
    answer: Items,
  ): Promise<InlineCompletionItem[] | InlineCompletionList> {
    const { version } = document;
    const items = (await answer) ?? [];
    const isEmpty = (Array.isArray(items) ? items : items.items).length === 0;
    this.#place = isEmpty && !this.#isReady ? { document, version, position } : undefined;
    return items;
  }

  /** Follow how the server is; where it has become ready and nobody moved since, have the editor ask once more. */
  note(status: Pick<Status, "state">): void {
    this.#isReady = status.state !== "starting" && status.state !== "loading";
    const place = this.#place;
    if (!this.#isReady || place === undefined) return;
    this.#place = undefined;
    const editor = window.activeTextEditor;
    const isThere = editor?.document === place.document && editor.selection.active.isEqual(place.position);
    if (isThere && place.document.version === place.version) {
      void commands.executeCommand("editor.action.inlineSuggest.trigger");
    }
  }
}
