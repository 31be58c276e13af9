/** What a click on the status bar offers: pause, models, figures, logs. */

import { commands, type LogOutputChannel, type QuickPickItem, window } from "vscode";
import type { Figures } from "./protocol.ts";
import type { Server } from "./server.ts";
import type { StatusItem } from "./statusItem.ts";
import { figureRows } from "./words.ts";

/** Offer what can be done as things stand. */
export async function openMenu(status: StatusItem): Promise<void> {
  const isPaused = status.status.state === "paused";
  const entries: (QuickPickItem & { readonly command: string })[] = [
    isPaused
      ? {
          label: "$(debug-start) Resume",
          description: "ghost text in this window",
          command: "hearthline.editor.togglePause",
        }
      : {
          label: "$(debug-pause) Pause",
          description: "ghost text in this window",
          command: "hearthline.editor.togglePause",
        },
    {
      label: "$(package) Choose model",
      description: status.status.model ?? "",
      command: "hearthline.editor.chooseModel",
    },
    { label: "$(graph) Figures", description: "what became of the suggestions", command: "hearthline.editor.figures" },
    { label: "$(output) Log", description: "holds no source text", command: "hearthline.editor.log" },
    {
      label: "$(shield) Review all files",
      description: "of the workspace",
      command: "hearthline.editor.reviewWorkspace",
    },
    { label: "$(debug-restart) Restart", description: "the language server", command: "hearthline.editor.restart" },
    { label: "$(gear) Settings", description: "", command: "workbench.action.openSettings" },
  ];
  const chosen = await window.showQuickPick(entries, { title: `Hearthline: ${status.status.message}` });
  if (chosen === undefined) return;
  await (chosen.command === "workbench.action.openSettings"
    ? commands.executeCommand(chosen.command, "@ext:hearthline.hearthline")
    : commands.executeCommand(chosen.command));
}

/** Pause this window's ghost text, or let it go on. */
export async function togglePause(server: Server, status: StatusItem): Promise<void> {
  await ask(server, status.status.state === "paused" ? "hearthline.resume" : "hearthline.pause");
}

/** Show what became of suggestions. */
export async function showFigures(server: Server): Promise<void> {
  const figures = await ask<Figures>(server, "hearthline.stats");
  if (figures !== null)
    await window.showQuickPick(figureRows(figures), { title: "Hearthline: what became of suggestions" });
}

/** Open the server's log file; where no server can tell which it is, what this extension has to say. */
export async function openLog(server: Server, log: LogOutputChannel): Promise<void> {
  if (server.client === undefined) log.show();
  else await ask(server, "hearthline.showLog");
}

/** Have the server run one of its commands. Null where there is no server, or where it failed, which was said. */
export async function ask<T>(server: Server, command: string, ...args: readonly unknown[]): Promise<T | null> {
  if (server.client === undefined) {
    void window.showWarningMessage("Hearthline: the language server is not running; the status bar says why.");
    return null;
  }
  return await commands.executeCommand<T | null>(command, ...args);
}
