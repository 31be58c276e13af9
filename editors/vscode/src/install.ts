/** A language server that is not there or does not stay: what to do about it, done only if the person says so. */

import { spawn } from "node:child_process";
import { commands, env, type LogOutputChannel, ProgressLocation, Uri, window } from "vscode";
import { findProgram } from "./find.ts";
import { configuredCommand, machine } from "./machine.ts";
import type { Server } from "./server.ts";

const PACKAGE = "hearthline";
const UV_PAGE = "https://docs.astral.sh/uv/getting-started/installation/";

const INSTALL = "Install with uv";
const GET_UV = "How to get uv";
const CHOOSE = "I have it: say where";
const RESTART = "Restart";
const LOG = "Open Log";

/** Tell what is missing, and offer the ways out. Nothing is installed before the person has chosen it. */
export async function offerInstall(server: Server, log: LogOutputChannel): Promise<void> {
  const [configured] = configuredCommand();
  const uv = findProgram("uv", machine);
  const way = uv === undefined ? GET_UV : INSTALL;
  const what =
    configured === undefined
      ? `the program hearthline is not found on this machine. It can be installed for you alone: uv tool install ${PACKAGE}`
      : `the setting hearthline.server.command names ${configured}, which is no program on this machine.`;
  const answer = await window.showWarningMessage(
    `Hearthline: ${what}`,
    ...(configured === undefined ? [way] : []),
    CHOOSE,
  );
  if (answer === GET_UV) await env.openExternal(Uri.parse(UV_PAGE));
  if (answer === CHOOSE) await commands.executeCommand(...whereServerIsNamed());
  if (answer === INSTALL && uv !== undefined && (await install(uv, log))) await server.restart();
}

/** The settings where the server is named: a remote machine has its own, and there the person's do not count. */
function whereServerIsNamed(): [command: string, argument: unknown] {
  const query = "hearthline.server.command";
  if (env.remoteName === undefined) return ["workbench.action.openSettings", query];
  return ["workbench.action.openRemoteSettings", { query }];
}

/** Tell that the server ends whenever it is started, and offer to look or to try again. */
export async function offerRestart(server: Server, log: LogOutputChannel): Promise<void> {
  const answer = await window.showErrorMessage("Hearthline: the language server ended again and again.", LOG, RESTART);
  if (answer === LOG) log.show();
  if (answer === RESTART) await server.restart();
}

/** Run `uv tool install`; what it says goes to the log. Tells whether it worked. */
async function install(uv: string, log: LogOutputChannel): Promise<boolean> {
  const code = await window.withProgress(
    { location: ProgressLocation.Notification, title: `Hearthline: uv tool install ${PACKAGE}`, cancellable: true },
    (progress, token) =>
      new Promise<number | null>((resolve) => {
        const child = spawn(uv, ["tool", "install", PACKAGE], { stdio: ["ignore", "pipe", "pipe"] });
        const say = (data: Buffer): void => {
          log.info(data.toString().trimEnd());
          progress.report({ message: data.toString().trim().split("\n").at(-1) ?? "" });
        };
        child.stdout.on("data", say);
        child.stderr.on("data", say);
        child.on("error", () => resolve(null));
        child.on("exit", resolve);
        token.onCancellationRequested(() => child.kill());
      }),
  );
  if (code === 0) return true;
  const answer = await window.showErrorMessage("Hearthline: uv could not install it.", LOG);
  if (answer === LOG) log.show();
  return false;
}
