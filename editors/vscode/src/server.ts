/** The language server's process, as long as the window lives: started, started again, let go. One at a time. */

import { type Disposable, type LogOutputChannel, workspace } from "vscode";
import { DidChangeConfigurationNotification, type LanguageClient } from "vscode-languageclient/node";
import { makeClient } from "./client.ts";
import { Crashes } from "./crashes.ts";
import { serverCommand } from "./machine.ts";
import type { Previews } from "./preview.ts";
import type { Status } from "./protocol.ts";
import { Turns } from "./turns.ts";

/** What the rest of the extension is told. */
export interface Watcher {
  /** A client is about to start: the moment to listen to its notifications. */
  prepared(client: LanguageClient): void;
  /** How things stand, where the server itself cannot say it. */
  said(status: Status): void;
  /** There is no program to start. */
  missing(): void;
  /** It was started again and again, and is not any more. */
  gaveUp(): void;
  /** Whether a server is there to be asked. */
  running(isRunning: boolean): void;
}

const LOOK_AGAIN_MS = 2000;

export class Server implements Disposable {
  readonly #log: LogOutputChannel;
  readonly #previews: Previews;
  readonly #watcher: Watcher;
  readonly #turns = new Turns(() => this.#startAnew());
  readonly #crashes = new Crashes();
  #client: LanguageClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isDisposed = false;

  constructor(log: LogOutputChannel, previews: Previews, watcher: Watcher) {
    this.#log = log;
    this.#previews = previews;
    this.#watcher = watcher;
  }

  /** The client of a server that answers; undefined where there is none. */
  get client(): LanguageClient | undefined {
    return this.#client?.isRunning() ? this.#client : undefined;
  }

  /** Start, or stop and start again. Requests queue, and those that wait together are one. */
  restart(): Promise<void> {
    this.#crashes.forget();
    return this.#turns.request();
  }

  /** Let the server read the settings again. */
  async reconfigure(): Promise<void> {
    await this.client?.sendNotification(DidChangeConfigurationNotification.type, { settings: null });
  }

  /** Stop for good. */
  async stop(): Promise<void> {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    await this.#letGo();
  }

  dispose(): void {
    void this.stop();
  }

  async #startAnew(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#letGo();
    if (this.#isDisposed) return;
    const command = serverCommand();
    if (command === undefined) {
      this.#watcher.said(as("problem", "the language server is not installed, or not where the settings say"));
      this.#watcher.missing();
      this.#lookAgain();
      return;
    }
    this.#watcher.said(as("starting", "starting"));
    const client = makeClient(command, this.#log, this.#previews, () => this.#ended(client));
    this.#client = client;
    this.#watcher.prepared(client);
    try {
      await client.start();
      this.#watcher.running(true);
    } catch (error) {
      this.#log.error(`The language server did not start: ${error instanceof Error ? error.message : String(error)}`);
      this.#ended(client);
    }
  }

  /** Start once there is a server: it may be installed meanwhile, and settings may come after the extension. */
  #lookAgain(): void {
    this.#timer = setTimeout(() => {
      if (serverCommand() === undefined) this.#lookAgain();
      else void this.#turns.request();
    }, LOOK_AGAIN_MS);
  }

  /** The server ended by itself: wait a little, longer each time, and start another; or say that it is of no use. */
  #ended(client: LanguageClient): void {
    if (this.#client !== client || this.#isDisposed) return;
    this.#client = undefined;
    this.#watcher.running(false);
    void client.dispose().catch(() => undefined);
    const delayMs = this.#crashes.delayAfter(Date.now());
    if (delayMs === undefined) {
      this.#watcher.said(as("problem", "the language server ended again and again; the log says why"));
      this.#watcher.gaveUp();
      return;
    }
    this.#watcher.said(as("starting", "the language server ended and is started again"));
    this.#timer = setTimeout(() => void this.#turns.request(), delayMs);
  }

  async #letGo(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#watcher.running(false);
    await client?.dispose().catch((error: unknown) => this.#log.warn(`The language server did not stop: ${error}`));
  }
}

/** Follow the settings and the trust that decide which program is the server, and what it may do. */
export function followSettings(server: Server): Disposable[] {
  return [
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("hearthline.server")) void server.restart();
    }),
    workspace.onDidGrantWorkspaceTrust(() => server.reconfigure()),
  ];
}

function as(state: Status["state"], message: string): Status {
  return { state, message, reason: null, model: null, progress: null };
}
