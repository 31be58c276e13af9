/** Edits that the server wants to be looked at before they are made. Pure. */

import type { TextEdit, WorkspaceEdit } from "vscode-languageclient/node";
import { TextDocument } from "vscode-languageserver-textdocument";

/** Whether anything in `edit` waits for the person's word. */
export function needsConfirmation(edit: WorkspaceEdit): boolean {
  return Object.values(edit.changeAnnotations ?? {}).some((annotation) => annotation.needsConfirmation === true);
}

/** `edit`, for which the person has given their word. */
export function confirmed(edit: WorkspaceEdit): WorkspaceEdit {
  const given = Object.entries(edit.changeAnnotations ?? {}).map(([id, annotation]) => [
    id,
    { ...annotation, needsConfirmation: false },
  ]);
  return { ...edit, changeAnnotations: Object.fromEntries(given) };
}

/** What the server says of `edit`: a sentence. */
export function words(edit: WorkspaceEdit): string {
  return Object.values(edit.changeAnnotations ?? {})
    .map((annotation) => annotation.description ?? annotation.label)
    .join(" ");
}

/** The changed documents by their addresses, and what is changed in each. */
export function changes(edit: WorkspaceEdit): ReadonlyMap<string, readonly TextEdit[]> {
  const found = new Map<string, TextEdit[]>(Object.entries(edit.changes ?? {}));
  for (const change of edit.documentChanges ?? []) {
    if (!("textDocument" in change)) continue;
    const edits = change.edits.filter((each) => "newText" in each);
    found.set(change.textDocument.uri, [...(found.get(change.textDocument.uri) ?? []), ...edits]);
  }
  return found;
}

/** `text` once `edits` are made in it. */
export function after(text: string, edits: readonly TextEdit[]): string {
  return TextDocument.applyEdits(TextDocument.create("", "", 0, text), [...edits]);
}
