import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkspaceEdit } from "vscode-languageclient/node";
import { after, changes, confirmed, needsConfirmation, words } from "../src/proposed.ts";

const at = (line: number, character: number) => ({ start: { line, character }, end: { line, character } });
const edit: WorkspaceEdit = {
  documentChanges: [
    { kind: "create", uri: "file:///t.py", annotationId: "a" },
    {
      textDocument: { uri: "file:///t.py", version: null },
      edits: [{ range: at(0, 0), newText: "x\n", annotationId: "a" }],
    },
    { textDocument: { uri: "file:///t.py", version: null }, edits: [{ range: at(0, 0), newText: "y\n" }] },
  ],
  changeAnnotations: { a: { label: "Tests", description: "2 tests kept.", needsConfirmation: true } },
};

test("an edit waits for the person where the server says so, until they have agreed", () => {
  assert.equal(needsConfirmation(edit), true);
  assert.equal(needsConfirmation(confirmed(edit)), false);
  assert.equal(needsConfirmation({ changes: {} }), false);
  assert.equal(words(edit), "2 tests kept.");
});

test("all edits of a document are shown together", () => {
  assert.deepEqual(
    [...changes(edit)].map(([uri, edits]) => [uri, edits.length]),
    [["file:///t.py", 2]],
  );
  assert.equal(after("", changes(edit).get("file:///t.py") ?? []), "x\ny\n");
});

test("positions count in UTF-16, whatever stands before them", () => {
  assert.equal(after("😀 = 1\n", [{ range: at(0, 2), newText: "!" }]), "😀! = 1\n");
});
