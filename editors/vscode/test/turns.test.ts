import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "../src/turns.ts";

/** Work that ends when it is told to, and counts how often it ran and whether two runs ever overlapped. */
function slow() {
  const ends: ((error?: Error) => void)[] = [];
  let running = 0;
  let most = 0;
  const work = async () => {
    running += 1;
    most = Math.max(most, running);
    try {
      await new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())));
    } finally {
      running -= 1;
    }
  };
  return { work, ends, most: () => most };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("requests queue, and those that wait together are one", async () => {
  const { work, ends, most } = slow();
  const turns = new Turns(work);
  const first = turns.request();
  await settled();
  const second = turns.request();
  const third = turns.request();
  assert.equal(second, third);
  ends[0]?.();
  await first;
  await settled();
  assert.equal(ends.length, 2);
  ends[1]?.();
  await Promise.all([second, third]);
  assert.equal(most(), 1);
});

test("a run that failed is told to who asked for it, and the next one runs", async () => {
  const { work, ends } = slow();
  const turns = new Turns(work);
  const first = turns.request();
  await settled();
  const second = turns.request();
  ends[0]?.(new Error("no"));
  await assert.rejects(first, /no/);
  await settled();
  ends[1]?.();
  await second;
});
