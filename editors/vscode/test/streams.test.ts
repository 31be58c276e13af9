import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamPart } from "../src/protocol.ts";
import { abandoned, type Explanation, follow } from "../src/streams.ts";

const begin = (id: string): StreamPart => ({ id, state: "begin", title: `Title ${id}`, uri: "file:///a.py" });
const text = (id: string, said: string): StreamPart => ({ id, state: "text", text: said });
const end = (id: string, outcome: "done" | "cancelled" | "failed", message: string | null = null): StreamPart => ({
  id,
  state: "end",
  outcome,
  message,
});

function after(...parts: StreamPart[]): Explanation | undefined {
  return parts.reduce<Explanation | undefined>(follow, undefined);
}

test("text is appended until the end", () => {
  const shown = after(begin("1"), text("1", "It "), text("1", "adds."), end("1", "done"), text("1", "late"));
  assert.deepEqual(shown, { id: "1", title: "Title 1", uri: "file:///a.py", text: "It adds.", outcome: "done" });
});

test("a newer stream takes the place, and the older one is not heard any more", () => {
  const shown = after(begin("1"), text("1", "old"), begin("2"), text("1", "old"), text("2", "new"), end("1", "done"));
  assert.deepEqual(shown, { id: "2", title: "Title 2", uri: "file:///a.py", text: "new" });
});

test("parts without a beginning show nothing", () => {
  assert.equal(after(text("1", "a"), end("1", "failed", "no")), undefined);
});

test("what failed says why", () => {
  assert.equal(after(begin("1"), end("1", "failed", "the engine went away"))?.message, "the engine went away");
});

test("a server that has gone leaves what was written, and says so", () => {
  const shown = after(begin("1"), text("1", "half"));
  assert.ok(shown);
  assert.equal(abandoned(shown).text, "half");
  assert.equal(abandoned(shown).outcome, "failed");
  const done = after(begin("1"), end("1", "done"));
  assert.ok(done);
  assert.equal(abandoned(done), done);
});
