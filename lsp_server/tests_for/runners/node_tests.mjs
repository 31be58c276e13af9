// Runs one test file with Node's own runner, in this process, and tells which lines of the target ran.
//
// Arguments: the test file, the target's file, the folder that tests may write, the file to tell in, and `globals`
// where tests find `it` and `describe` without importing them, as mocha has it. Invariant: what a test must not do (write
// elsewhere, reach for the network, run programs) is refused and named, whatever the sandbox would have let it do.

import childProcess from "node:child_process";
import fs from "node:fs";
import inspector from "node:inspector";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { after, afterEach, before, beforeEach, describe, it, test } from "node:test";

const [file, source, temporary, told, globals] = process.argv.slice(2);
const append = fs.appendFileSync;
const readFile = fs.readFileSync;
const WRITES = ["writeFile", "appendFile", "mkdir", "rm", "rmdir", "unlink", "rename", "copyFile", "symlink", "link", "truncate"];
const PROGRAMS = ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"];

function refuse(what) {
  throw Object.assign(new Error(what), { code: "ERR_HEARTHLINE" });
}

function checkPath(place) {
  const whole = path.resolve(String(place));
  if (typeof place !== "number" && whole !== temporary && whole !== told && !whole.startsWith(temporary + path.sep)) {
    refuse("wrote outside their temporary folder");
  }
}

function guarded(holder, name, check) {
  const before = holder[name];
  if (typeof before === "function") {
    holder[name] = function (...words) {
      check(...words);
      return Reflect.apply(before, this, words);
    };
  }
}

function guardFiles() {
  const checkFirst = (place) => checkPath(place);
  for (const name of WRITES) {
    const isFromTo = ["rename", "copyFile", "symlink", "link"].includes(name);
    const check = isFromTo ? (_from, to) => checkPath(to) : checkFirst;
    guarded(fs, name, check);
    guarded(fs, `${name}Sync`, check);
    guarded(fs.promises, name, check);
  }
  guarded(fs, "createWriteStream", checkFirst);
  const checkOpen = (place, flags) => (/^r?$/.test(String(flags ?? "r")) || flags === 0 ? undefined : checkPath(place));
  guarded(fs, "open", checkOpen);
  guarded(fs, "openSync", checkOpen);
  guarded(fs.promises, "open", checkOpen);
}

function guard() {
  guardFiles();
  for (const name of PROGRAMS) {
    guarded(childProcess, name, () => refuse("ran another program"));
  }
  guarded(net.Socket.prototype, "connect", () => refuse("reached for the network"));
  guarded(globalThis, "fetch", () => refuse("reached for the network"));
  syncBuiltinESMExports();
}

function linesThatRan(functions, text) {
  const counts = new Int32Array(text.length);
  for (const each of functions) {
    for (const range of each.ranges) {
      counts.fill(range.count, range.startOffset, range.endOffset);
    }
  }
  const lines = new Set();
  let line = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\n") {
      line += 1;
    } else if (counts[at] > 0 && /[^\s{}()[\];,]/.test(text[at])) {
      lines.add(line);
    }
  }
  return [...lines];
}

const session = new inspector.Session();
session.connect();
session.post("Profiler.enable");
session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
process.on("exit", () => {
  session.post("Profiler.takePreciseCoverage", (error, taken) => {
    const script = taken?.result.find((each) => each.url === pathToFileURL(source).href);
    const lines = script === undefined ? [] : linesThatRan(script.functions, readFile(source, "utf8"));
    append(told, `${JSON.stringify({ lines })}\n`);
  });
});
guard();
if (globals === "globals") {
  Object.assign(globalThis, { after, afterEach, before, beforeEach, describe, it });
}
try {
  await import(pathToFileURL(file).href);
} catch (error) {
  test("loading", () => {
    throw error;
  });
}
