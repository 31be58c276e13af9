/** Where the language server's command is. Pure: it asks the machine through `Machine` alone. */

import { join } from "node:path";

export interface Machine {
  readonly home: string;
  /** Folders of the `PATH`, in order. */
  readonly path: readonly string[];
  isExecutable(file: string): boolean;
}

/**
 * The command that starts the language server: the person's own, or `hearthline lsp` where it is found. Undefined
 * where there is none. Editors that were started by a desktop have a `PATH` without the folders that uv and pipx use.
 */
export function findServer(configured: readonly string[], machine: Machine): readonly string[] | undefined {
  const [program, ...rest] = configured;
  if (program !== undefined) {
    const full = atHome(program, machine.home);
    return full.includes("/") && !machine.isExecutable(full) ? undefined : [full, ...rest];
  }
  const found = findProgram("hearthline", machine);
  return found === undefined ? undefined : [found, "lsp"];
}

/** The first executable called `name` on the `PATH` or where programs of one user are put. */
export function findProgram(name: string, machine: Machine): string | undefined {
  const usual = [".local/bin", ".cargo/bin"].map((folder) => join(machine.home, folder));
  const folders = [...machine.path, ...usual, "/opt/homebrew/bin", "/usr/local/bin"];
  return folders.map((folder) => join(folder, name)).find((file) => machine.isExecutable(file));
}

/** The command line of another subcommand of the same installation; undefined where `server` is no `hearthline lsp`. */
export function siblingOf(server: readonly string[], ...words: readonly string[]): readonly string[] | undefined {
  return server.at(-1) === "lsp" ? [...server.slice(0, -1), ...words] : undefined;
}

function atHome(path: string, home: string): string {
  return path.startsWith("~/") ? join(home, path.slice(2)) : path;
}
