/** One language client: what it can do beyond the protocol, and what it does otherwise than by default. */

import {
  type CancellationToken,
  CancellationTokenSource,
  commands,
  type LogOutputChannel,
  window,
  workspace,
} from "vscode";
import {
  type ClientCapabilities,
  CloseAction,
  type ConfigurationParams,
  type ConfigurationRequest,
  ErrorAction,
  type ExecuteCommandSignature,
  LanguageClient,
  type LanguageClientOptions,
  LSPErrorCodes,
  ResponseError,
  RevealOutputChannelOn,
  type StaticFeature,
} from "vscode-languageclient/node";
import type { Previews } from "./preview.ts";
import { forServer } from "./settings.ts";

/** Nobody cancels an edit that the server has asked for. */
const NEVER = new CancellationTokenSource().token;

/** Commands of the server that run code of the folder, in a sandbox. */
const RUNS_CODE = new Set(["hearthline.suggestTests", "hearthline.fixTest"]);

/** Says in the handshake that this editor shows streams and asks for input. */
class Extras implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    capabilities.experimental = { ...capabilities.experimental, hearthline: { stream: true, input: true } };
  }

  initialize(): void {}

  getState(): { kind: "static" } {
    return { kind: "static" };
  }

  clear(): void {}
}

/** A client that shows no notification of its own: `Server` says what has happened, and what can be done. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

/** A client that starts `command`. `onClosed` is told when the server ends without having been asked to. */
export function makeClient(
  command: readonly string[],
  log: LogOutputChannel,
  previews: Previews,
  onClosed: () => void,
): LanguageClient {
  const [program = "", ...args] = command;
  const options: LanguageClientOptions = {
    documentSelector: [{ scheme: "file" }, { scheme: "untitled" }],
    outputChannel: log,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    markdown: { isTrusted: false, supportHtml: false },
    initializationOptions: () => forServer(workspace.getConfiguration().get("hearthline"), workspace.isTrusted),
    initializationFailedHandler: () => false,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => {
        onClosed();
        return { action: CloseAction.DoNotRestart, handled: true };
      },
    },
    middleware: {
      executeCommand: run,
      workspace: {
        configuration: configure,
        handleApplyEdit: (params, next) => previews.apply(params, (edit) => next(edit, NEVER)),
      },
    },
  };
  const client = new QuietClient("hearthline", "Hearthline", { command: program, args: [...args] }, options);
  client.registerFeature(new Extras());
  return client;
}

/** Send a command; what the server has to say against it is shown in its own words. */
async function run(command: string, args: unknown[], next: ExecuteCommandSignature): Promise<unknown> {
  if (!workspace.isTrusted && RUNS_CODE.has(command)) return await askForTrust();
  try {
    return await next(command, args);
  } catch (error) {
    if (error instanceof ResponseError && error.code === LSPErrorCodes.RequestCancelled) return null;
    void window.showErrorMessage(`Hearthline: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

/** Tell what cannot be done in a restricted window, and where that is changed. */
async function askForTrust(): Promise<null> {
  const manage = "Manage Workspace Trust";
  const what = "Hearthline: tests are run only in a folder that you trust; this one is not trusted.";
  if ((await window.showWarningMessage(what, manage)) === manage)
    await commands.executeCommand("workbench.trust.manage");
  return null;
}

async function configure(
  params: ConfigurationParams,
  token: CancellationToken,
  next: ConfigurationRequest.HandlerSignature,
): Promise<unknown[]> {
  const answer = await next(params, token);
  if (answer instanceof ResponseError) throw answer;
  return params.items.map((item, index) =>
    item.section === "hearthline" ? forServer(answer[index], workspace.isTrusted) : answer[index],
  );
}
