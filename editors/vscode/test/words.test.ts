import assert from "node:assert/strict";
import { test } from "node:test";
import type { Figures, Model, Status } from "../src/protocol.ts";
import { figureRows, modelDescription, shown } from "../src/words.ts";

function status(given: Partial<Status>): Status {
  return { state: "ready", message: "ready", reason: null, model: null, progress: null, ...given };
}

const cases: [given: Partial<Status>, text: string, severity: string][] = [
  [{}, "$(flame) Hearthline", "none"],
  [{ reason: "nothingToAdd", message: "the model had nothing to add here" }, "$(flame) Hearthline", "none"],
  [{ reason: "secret", message: "this looks like passwords" }, "$(info) Hearthline", "none"],
  [{ state: "loading", progress: 0.404 }, "$(loading~spin) Hearthline: loading 40 %", "none"],
  [{ state: "loading" }, "$(loading~spin) Hearthline: loading", "none"],
  [{ state: "starting" }, "$(loading~spin) Hearthline: starting", "none"],
  [{ state: "working" }, "$(sync~spin) Hearthline", "none"],
  [{ state: "paused" }, "$(debug-pause) Hearthline: paused", "warning"],
  [{ state: "off" }, "$(circle-slash) Hearthline: off", "none"],
  [{ state: "problem" }, "$(error) Hearthline: problem", "error"],
];

for (const [given, text, severity] of cases) {
  test(`the status bar says ${text}`, () => {
    const { text: said, severity: seen } = shown(status(given));
    assert.deepEqual([said, seen], [text, severity]);
  });
}

test("the hover gives the reason and the model", () => {
  const { hover } = shown(status({ state: "problem", message: "the worker does not answer", model: "m" }));
  assert.match(hover, /the worker does not answer/);
  assert.match(hover, /Model: m/);
});

const figures: Figures = {
  n_days: 30,
  n_requests: 40,
  n_shown: 20,
  outcomes: { accepted: 10, partly: 5, ignored: 5 },
  kept_share: 0.8,
  engine_free_share: null,
  n_chars_taken: 300,
  latency_ms_p50: 12.4,
  latency_ms_p95: null,
};

test("figures are counts with their shares", () => {
  const rows = figureRows(figures).map((row) => `${row.label.trim()}: ${row.description}`);
  assert.deepEqual(rows.slice(0, 3), ["Suggestions shown: 20 in 30 days", "accepted: 10  50 %", "partly: 5  25 %"]);
  assert.equal(rows.at(-1), "Wait, median and worst of 20: 12 ms, -");
});

test("no figures are no table of zeros", () => {
  assert.equal(figureRows({ ...figures, n_requests: 0 }).length, 1);
});

test("a model is here, in use, or so large to fetch", () => {
  const model: Model = {
    name: "m",
    roles: ["completion"],
    download_bytes: 491_400_064,
    licence: null,
    installed: false,
  };
  assert.equal(modelDescription(model, "other"), "not on this machine, 0.5 GB to fetch");
  assert.equal(modelDescription({ ...model, installed: true }, "m"), "on this machine, in use");
});
