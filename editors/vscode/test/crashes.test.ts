import assert from "node:assert/strict";
import { test } from "node:test";
import { Crashes } from "../src/crashes.ts";

test("the wait grows, and ends after five crashes in three minutes", () => {
  const crashes = new Crashes();
  const delays = [0, 1, 2, 3, 4, 5].map((second) => crashes.delayAfter(1000 * second));
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 8000, undefined]);
});

test("crashes long ago do not count", () => {
  const crashes = new Crashes();
  for (const minute of [0, 4, 8, 12, 16, 20, 24]) assert.equal(crashes.delayAfter(60_000 * minute), 500);
});

test("a start that the person asked for begins anew", () => {
  const crashes = new Crashes();
  crashes.delayAfter(0);
  crashes.delayAfter(1);
  crashes.forget();
  assert.equal(crashes.delayAfter(2), 500);
});
