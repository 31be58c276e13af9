import assert from "node:assert/strict";
import { test } from "node:test";
import { forServer } from "../src/settings.ts";

const section = { server: { command: ["x"] }, completion: { enabled: true }, logLevel: "info" };

test("the server is sent what is its own", () => {
  assert.deepEqual(forServer(section, true), { completion: { enabled: true }, logLevel: "info" });
});

test("it is told while the folder is not trusted", () => {
  assert.deepEqual(forServer(section, false), {
    completion: { enabled: true },
    logLevel: "info",
    workspace: { trusted: false },
  });
  assert.deepEqual(forServer(null, false), { workspace: { trusted: false } });
});
