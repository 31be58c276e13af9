/**
 * The panel in which an explanation is read while it is written.
 *
 * A page of its own rather than a Markdown preview: a preview shows pictures from anywhere, and the words of a model
 * may have been put into its mouth by the code it read. This page can load nothing, and follows links to lines of the explained code alone.
 */

import { randomBytes } from "node:crypto";
import {
  commands,
  type Disposable,
  env,
  Range,
  Uri,
  ViewColumn,
  type Webview,
  type WebviewPanel,
  window,
} from "vscode";
import { type LanguageClient, WorkDoneProgressCancelNotification } from "vscode-languageclient/node";
import { render } from "./markdown.ts";
import { page, type Said, type Shown } from "./page/html.ts";
import { STREAM, type StreamPart } from "./protocol.ts";
import { abandoned, type Explanation, follow } from "./streams.ts";

const VIEW = "hearthline.explanation";
/** A model writes faster than a page is drawn; so often is often enough to read along. */
const DRAW_MS = 80;

export class ExplanationPanel implements Disposable {
  readonly #folder: Uri;
  #client: LanguageClient | undefined;
  #explanation: Explanation | undefined;
  #panel: WebviewPanel | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(extension: Uri) {
    this.#folder = Uri.joinPath(extension, "dist");
  }

  /** Show what `client` streams from now on. */
  follow(client: LanguageClient): void {
    this.#client = client;
    client.onNotification(STREAM, (part: StreamPart) => this.#take(part));
  }

  /** Have the server stop writing. */
  async stop(): Promise<void> {
    const explanation = this.#explanation;
    if (explanation === undefined || explanation.outcome !== undefined) return;
    await this.#client?.sendNotification(WorkDoneProgressCancelNotification.type, { token: explanation.id });
  }

  /** Leave what is there as it is: its server has gone. */
  abandon(): void {
    if (this.#explanation !== undefined) this.#show(abandoned(this.#explanation));
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#panel?.dispose();
  }

  #take(part: StreamPart): void {
    if (part.state === "begin") {
      void this.stop(); // nobody reads the one before any more
      this.#open(part.title);
    }
    const next = follow(this.#explanation, part);
    if (next !== undefined && next !== this.#explanation) this.#show(next);
  }

  #show(explanation: Explanation): void {
    this.#explanation = explanation;
    void commands.executeCommand("setContext", "hearthline.explaining", explanation.outcome === undefined);
    this.#timer ??= setTimeout(() => this.#draw(), DRAW_MS);
  }

  #draw(): void {
    this.#timer = undefined;
    const explanation = this.#explanation;
    if (explanation === undefined) return;
    const { title, uri, text, outcome, message } = explanation;
    const shown: Shown = { title, html: render(text, uri), outcome: outcome ?? null, message: message ?? null };
    void this.#panel?.webview.postMessage(shown);
  }

  #open(title: string): void {
    if (this.#panel !== undefined) {
      this.#panel.title = title;
      this.#panel.reveal(undefined, true);
      return;
    }
    const where = { viewColumn: ViewColumn.Beside, preserveFocus: true };
    const options = { enableScripts: true, localResourceRoots: [this.#folder], enableFindWidget: true };
    const panel = window.createWebviewPanel(VIEW, title, where, options);
    this.#panel = panel;
    panel.webview.onDidReceiveMessage((said: Said) => this.#hear(said));
    panel.onDidDispose(() => {
      this.#panel = undefined;
      void this.stop();
    });
    panel.webview.html = this.#html(panel.webview);
  }

  #hear(said: Said): void {
    const explanation = this.#explanation;
    if (said === "shown") this.#draw();
    else if (said === "stop") void this.stop();
    else if (explanation === undefined) return;
    else if (said === "copy") void env.clipboard.writeText(explanation.text);
    else void this.#goTo(explanation.uri, said.line);
  }

  /** Put the cursor on a line of the code that is explained. `line` counts from 1. */
  async #goTo(address: string, line: number): Promise<void> {
    const uri = this.#client?.protocol2CodeConverter.asUri(address);
    if (uri === undefined) return;
    const shown = window.visibleTextEditors.find((editor) => editor.document.uri.toString() === uri.toString());
    const where = new Range(line - 1, 0, line - 1, 0);
    await window.showTextDocument(uri, { selection: where, viewColumn: shown?.viewColumn ?? ViewColumn.One });
  }

  #html(webview: Webview): string {
    const at = (name: string): string => webview.asWebviewUri(Uri.joinPath(this.#folder, name)).toString();
    return page({ script: at("page.js"), style: at("page.css"), nonce: randomBytes(16).toString("hex") });
  }
}
