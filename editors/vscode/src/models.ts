/** Which model completes: a choice among those that the installation knows. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ConfigurationTarget, ProgressLocation, type QuickPickItem, window, workspace } from "vscode";
import { findProgram, siblingOf } from "./find.ts";
import { machine, serverCommand } from "./machine.ts";
import type { Model } from "./protocol.ts";
import { gigabytes, modelDescription } from "./words.ts";

const run = promisify(execFile);
const LIST_MS = 60_000;

/** Let the person choose; fetch what is not here if they agree, in a terminal that shows how far it is. */
export async function chooseModel(): Promise<void> {
  const hearthline = program();
  if (hearthline === undefined) {
    void window.showWarningMessage("Hearthline: its command is not found here, which is what lists the models.");
    return;
  }
  const models = await listed(hearthline);
  if (models === undefined) return;
  const current = workspace.getConfiguration("hearthline").get<string>("completion.model", "");
  const entries: (QuickPickItem & { readonly model: Model })[] = models
    .filter((model) => model.roles.includes("completion"))
    .map((model) => ({
      label: model.name,
      description: modelDescription(model, current),
      detail: model.licence ?? "",
      model,
    }));
  const chosen = await window.showQuickPick(entries, { title: "Hearthline: the model that completes code" });
  if (chosen === undefined || !(chosen.model.installed || (await fetchIfAgreed(hearthline, chosen.model)))) return;
  const target = ConfigurationTarget.Global;
  await workspace.getConfiguration("hearthline").update("completion.model", chosen.model.name, target);
}

/** The program that the subcommands belong to: that of the server, or else the one that is found. */
function program(): readonly string[] | undefined {
  const sibling = siblingOf(serverCommand() ?? []);
  if (sibling !== undefined && sibling.length > 0) return sibling;
  const found = findProgram("hearthline", machine);
  return found === undefined ? undefined : [found];
}

async function listed(hearthline: readonly string[]): Promise<readonly Model[] | undefined> {
  const [file = "", ...args] = [...hearthline, "models", "list", "--json"];
  try {
    return await window.withProgress({ location: ProgressLocation.Window, title: "Hearthline: models" }, async () => {
      const { stdout } = await run(file, args, { timeout: LIST_MS });
      return JSON.parse(stdout) as readonly Model[];
    });
  } catch (error) {
    void window.showErrorMessage(`Hearthline: \`hearthline models list\` failed: ${String(error)}`);
    return undefined;
  }
}

async function fetchIfAgreed(hearthline: readonly string[], model: Model): Promise<boolean> {
  const size = model.download_bytes === null ? "" : ` (${gigabytes(model.download_bytes)})`;
  const fetchIt = "Fetch";
  const answer = await window.showInformationMessage(`Fetch ${model.name}${size}?`, { modal: true }, fetchIt);
  if (answer !== fetchIt) return false;
  const [shellPath = "", ...words] = [...hearthline, "models", "pull", model.name];
  const terminal = window.createTerminal({ name: `Fetching ${model.name}`, shellPath, shellArgs: words });
  terminal.show(true);
  return await new Promise((resolve) => {
    const listener = window.onDidCloseTerminal((closed) => {
      if (closed !== terminal) return;
      listener.dispose();
      resolve(closed.exitStatus?.code === 0);
    });
  });
}
