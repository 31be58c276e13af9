/** This machine, as `find.ts` asks about it. */

import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter } from "node:path";
import { workspace } from "vscode";
import { findServer, type Machine } from "./find.ts";

export const machine: Machine = {
  home: homedir(),
  path: (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== ""),
  isExecutable(file) {
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  },
};

/** The person's own command; empty where they set none. */
export function configuredCommand(): readonly string[] {
  return workspace.getConfiguration("hearthline").get<string[]>("server.command", []);
}

/** The command that starts the language server as things are now; undefined where there is none. */
export function serverCommand(): readonly string[] | undefined {
  return findServer(configuredCommand(), machine);
}
