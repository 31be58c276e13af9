import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const { commands, keybindings, menus, walkthroughs, configuration } = manifest.contributes;
const known = new Set<string>(commands.map((each: { command: string }) => each.command));
const source = readFileSync(new URL("../src/commands.ts", import.meta.url), "utf8");

test("every command of the manifest is registered, and the other way round", () => {
  const registered = [...(source.split("const entries")[1]?.matchAll(/^ {4}(\w+)(?::|,$)/gm) ?? [])].map(
    (match) => match[1],
  );
  assert.deepEqual(registered.map((name) => `hearthline.editor.${name}`).sort(), [...known].sort());
});

test("keys, menus and the walkthrough name commands that there are", () => {
  const used = [...keybindings, ...Object.values(menus).flat()].map((each) => each.command as string);
  const linked = [...JSON.stringify(walkthroughs).matchAll(/command:(hearthline[\w.]+)/g)].map(
    (match) => match[1] ?? "",
  );
  const ours = [...used, ...linked].filter((command) => command.startsWith("hearthline."));
  assert.deepEqual(
    ours.filter((command) => !known.has(command)),
    [],
  );
});

test("the walkthrough's steps wait for contexts that are set", () => {
  const steps = readFileSync(new URL("../src/steps.ts", import.meta.url), "utf8");
  const set = [...(steps.match(/type Step = (.*);/)?.[1] ?? "").matchAll(/"(\w+)"/g)].map((match) => match[1]);
  const waited = [...JSON.stringify(walkthroughs).matchAll(/"onContext:hearthline\.(\w+)"/g)].map((match) => match[1]);
  assert.deepEqual(waited.sort(), set.sort());
});

test("the walkthrough's pages are there", () => {
  for (const { media } of walkthroughs[0].steps) {
    assert.ok(existsSync(new URL(`../${media.markdown}`, import.meta.url)), media.markdown);
  }
});

test("a folder that is not trusted chooses neither program nor engine, and is not trusted by its own word", () => {
  const { supported, restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
  assert.equal(supported, "limited");
  assert.deepEqual(restrictedConfigurations, [
    "hearthline.server.command",
    "hearthline.engine.url",
    "hearthline.engine.tokenEnv",
    "hearthline.workspace.trusted",
  ]);
  for (const key of restrictedConfigurations) assert.ok(key in configuration.properties);
});

test("the lock file has a checksum for every package, and no registry's address", () => {
  const lock = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"));
  const packages = Object.entries<{ integrity?: string; resolved?: string }>(lock.packages).filter(([at]) => at !== "");
  assert.deepEqual(
    packages.filter(([, entry]) => entry.integrity === undefined || entry.resolved !== undefined).map(([at]) => at),
    [],
  );
});
