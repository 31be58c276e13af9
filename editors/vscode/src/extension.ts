/** Composition root: the parts, and who tells whom. */

import { type ExtensionContext, window } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { answerInput } from "./asking.ts";
import { registerCommands } from "./commands.ts";
import { ExplanationPanel } from "./explanation.ts";
import { offerInstall, offerRestart } from "./install.ts";
import { Previews } from "./preview.ts";
import { STATUS, type Status } from "./protocol.ts";
import { followSettings, Server } from "./server.ts";
import { StatusItem } from "./statusItem.ts";
import { Steps } from "./steps.ts";
import { Waiting } from "./waiting.ts";

let running: Server | undefined;

export async function activate(context: ExtensionContext): Promise<void> {
  const log = window.createOutputChannel("Hearthline", { log: true });
  const status = new StatusItem();
  const panel = new ExplanationPanel(context.extensionUri);
  const waiting = new Waiting();
  const previews = new Previews();
  const steps = new Steps();
  const show = (said: Status): void => {
    status.show(said);
    waiting.note(said);
    if (said.state === "ready") steps.note("ready");
  };
  const server = new Server(log, previews, {
    prepared(client: LanguageClient) {
      client.onNotification(STATUS, show);
      answerInput(client);
      panel.follow(client);
    },
    said: show,
    missing: once(() => void offerInstall(server, log)),
    gaveUp: () => void offerRestart(server, log),
    running(isRunning) {
      if (!isRunning) panel.abandon();
      steps.note("running", isRunning);
    },
  });
  running = server;
  const parts = { server, status, panel, steps, log };
  context.subscriptions.push(log, status, panel, waiting, previews, server);
  context.subscriptions.push(...registerCommands(parts), ...followSettings(server));
  await server.restart();
}

export async function deactivate(): Promise<void> {
  await running?.stop();
}

/** `call`, the first time; nobody is asked the same twice in a window. */
function once(call: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) call();
    isDone = true;
  };
}
