/**
 * An edit is shown as a difference, or a new file as it will be, and made when the person says so.
 *
 * VS Code's own preview of edits that want to be confirmed ticks none of them, and shows nothing of what is not ticked.
 */

import {
  commands,
  type Disposable,
  type QuickPickItem,
  type Tab,
  TabInputText,
  TabInputTextDiff,
  type TextDocumentContentProvider,
  Uri,
  window,
  workspace,
} from "vscode";
import type {
  ApplyWorkspaceEditParams,
  ApplyWorkspaceEditResult,
  HandlerResult,
  TextEdit,
} from "vscode-languageclient/node";
import { after, changes, confirmed, needsConfirmation, words } from "./proposed.ts";

const SCHEME = "hearthline-preview";

type Apply = (params: ApplyWorkspaceEditParams) => HandlerResult<ApplyWorkspaceEditResult, void>;

export class Previews implements Disposable, TextDocumentContentProvider {
  readonly #registration = workspace.registerTextDocumentContentProvider(SCHEME, this);
  readonly #texts = new Map<string, string>();
  #count = 0;

  dispose(): void {
    this.#registration.dispose();
  }

  provideTextDocumentContent(uri: Uri): string {
    return this.#texts.get(uri.toString()) ?? "";
  }

  /** Make the edit, at once or after it was looked at. */
  async apply(params: ApplyWorkspaceEditParams, next: Apply): Promise<Awaited<ReturnType<Apply>>> {
    if (!needsConfirmation(params.edit)) return await next(params);
    const title = params.label ?? "Hearthline";
    for (const [uri, edits] of changes(params.edit)) await this.#show(Uri.parse(uri), edits, title);
    const isWanted = await wants(title, words(params.edit));
    await this.#close();
    if (!isWanted) return { applied: false }; // no reason: it would be told as a failure
    return await next({ ...params, edit: confirmed(params.edit) });
  }

  async #show(uri: Uri, edits: readonly TextEdit[], title: string): Promise<void> {
    const before = await textOf(uri);
    this.#count += 1;
    const later = uri.with({ scheme: SCHEME, query: `after${this.#count}` });
    this.#texts.set(later.toString(), after(before, edits));
    const how = { preview: true, preserveFocus: true };
    if (before === "") {
      await window.showTextDocument(later, how);
      return;
    }
    const earlier = uri.with({ scheme: SCHEME, query: `before${this.#count}` });
    this.#texts.set(earlier.toString(), before);
    await commands.executeCommand("vscode.diff", earlier, later, `${title} (${workspace.asRelativePath(uri)})`, how);
  }

  async #close(): Promise<void> {
    const tabs = window.tabGroups.all.flatMap((group) => group.tabs);
    await window.tabGroups.close(tabs.filter((tab) => shownIn(tab)?.scheme === SCHEME));
    this.#texts.clear();
  }
}

/** The document that `tab` shows, or the later one of two. */
function shownIn({ input }: Tab): Uri | undefined {
  if (input instanceof TabInputTextDiff) return input.modified;
  return input instanceof TabInputText ? input.uri : undefined;
}

/** The text of a document as the editor has it, else as the disk has; empty where there is none yet. */
async function textOf(uri: Uri): Promise<string> {
  try {
    return (await workspace.openTextDocument(uri)).getText();
  } catch {
    return "";
  }
}

/** Ask whether the edit is to be made. said: clauses; the line that asks has room for the first of them alone. */
async function wants(title: string, said: string): Promise<boolean> {
  const [first = "", ...others] = said.split("; ");
  const detail = others.join("; ");
  const yes: QuickPickItem = { label: "$(check) Write it", description: "as it is shown below", detail };
  const no: QuickPickItem = { label: "$(close) Leave it", description: "nothing is changed" };
  const options = { title: `Hearthline: ${title}`, placeHolder: first, ignoreFocusOut: true };
  return (await window.showQuickPick([yes, no], options)) === yes;
}
