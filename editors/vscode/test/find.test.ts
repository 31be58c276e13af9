import assert from "node:assert/strict";
import { test } from "node:test";
import { findProgram, findServer, type Machine, siblingOf } from "../src/find.ts";

function machine(...executables: string[]): Machine {
  return { home: "/home/me", path: ["/usr/bin", "/bin"], isExecutable: (file) => executables.includes(file) };
}

const cases: [what: string, configured: string[], machine: Machine, found: string[] | undefined][] = [
  ["on the PATH", [], machine("/bin/hearthline"), ["/bin/hearthline", "lsp"]],
  ["where uv puts it", [], machine("/home/me/.local/bin/hearthline"), ["/home/me/.local/bin/hearthline", "lsp"]],
  [
    "the PATH comes first",
    [],
    machine("/home/me/.local/bin/hearthline", "/bin/hearthline"),
    ["/bin/hearthline", "lsp"],
  ],
  ["nowhere", [], machine(), undefined],
  ["the person's own", ["/opt/h", "lsp"], machine("/opt/h"), ["/opt/h", "lsp"]],
  [
    "their own, at home",
    ["~/h/bin/hearthline", "lsp"],
    machine("/home/me/h/bin/hearthline"),
    ["/home/me/h/bin/hearthline", "lsp"],
  ],
  ["their own, by its name", ["python3", "-m", "x"], machine(), ["python3", "-m", "x"]],
  ["their own, which is not there", ["/opt/h", "lsp"], machine("/bin/hearthline"), undefined],
];

for (const [what, configured, here, found] of cases) {
  test(`the server: ${what}`, () => assert.deepEqual(findServer(configured, here), found));
}

test("another program of the person's", () => {
  assert.equal(findProgram("uv", machine("/home/me/.cargo/bin/uv")), "/home/me/.cargo/bin/uv");
});

test("another subcommand belongs to the same installation, where there is one", () => {
  assert.deepEqual(siblingOf(["/x/hearthline", "lsp"], "models", "list"), ["/x/hearthline", "models", "list"]);
  assert.equal(siblingOf(["python3", "-m", "server"], "models"), undefined);
});
