/** The commands of the palette, the keys and the menus. Those of the server itself are registered by its client. */

import { commands, type Disposable, type LogOutputChannel, window } from "vscode";
import type { ExplanationPanel } from "./explanation.ts";
import { offerInstall } from "./install.ts";
import { ask, openLog, openMenu, showFigures, togglePause } from "./menu.ts";
import { chooseModel } from "./models.ts";
import { placeHere } from "./place.ts";
import type { Server } from "./server.ts";
import type { StatusItem } from "./statusItem.ts";
import type { Steps } from "./steps.ts";

export interface Parts {
  readonly server: Server;
  readonly status: StatusItem;
  readonly panel: ExplanationPanel;
  readonly steps: Steps;
  readonly log: LogOutputChannel;
}

/** Register them all. */
export function registerCommands({ server, status, panel, steps, log }: Parts): Disposable[] {
  const here = (command: string) => () => atCursor(server, command);
  const entries: Readonly<Record<string, () => unknown>> = {
    menu: () => openMenu(status),
    togglePause: () => togglePause(server, status),
    chooseModel,
    figures: () => showFigures(server),
    log: () => openLog(server, log),
    restart: () => server.restart(),
    install: () => install(server, log),
    explain: here("hearthline.explain"),
    ask: here("hearthline.ask"),
    suggestTests: here("hearthline.suggestTests"),
    document: here("hearthline.document"),
    stopExplanation: () => panel.stop(),
    reviewWorkspace: () => ask(server, "hearthline.reviewWorkspace"),
    clearReview: () => ask(server, "hearthline.clearWorkspaceReview"),
    walkthrough: () => steps.show(),
  };
  return Object.entries(entries).map(([name, call]) => commands.registerCommand(`hearthline.editor.${name}`, call));
}

/** Have the server do `command` where the cursor is, or with what is selected. */
async function atCursor(server: Server, command: string): Promise<void> {
  const place = server.client && placeHere(server.client);
  if (server.client !== undefined && place === undefined) {
    void window.showInformationMessage("Hearthline: put the cursor into some code first.");
    return;
  }
  await ask(server, command, place);
}

/** Look for the server once more, where the person says that it should be here now; offer what can be done if not. */
async function install(server: Server, log: LogOutputChannel): Promise<void> {
  if (server.client === undefined) await server.restart();
  if (server.client === undefined) await offerInstall(server, log);
  else void window.showInformationMessage("Hearthline: the language server is installed and running.");
}
