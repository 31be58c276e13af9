/** The item in the status bar: how things stand, and the way to the menu. */

import { type Disposable, MarkdownString, StatusBarAlignment, ThemeColor, window } from "vscode";
import type { Status } from "./protocol.ts";
import { shown } from "./words.ts";

export class StatusItem implements Disposable {
  readonly #item = window.createStatusBarItem("hearthline", StatusBarAlignment.Right, 100);
  #status: Status = { state: "starting", message: "starting", reason: null, model: null, progress: null };

  constructor() {
    this.#item.name = "Hearthline";
    this.#item.command = "hearthline.editor.menu";
    this.show(this.#status);
    this.#item.show();
  }

  /** What was shown last. */
  get status(): Status {
    return this.#status;
  }

  show(status: Status): void {
    this.#status = status;
    const { text, hover, severity } = shown(status);
    this.#item.text = text;
    this.#item.tooltip = new MarkdownString(hover);
    this.#item.accessibilityInformation = { label: hover };
    this.#item.backgroundColor =
      severity === "none" ? undefined : new ThemeColor(`statusBarItem.${severity}Background`);
  }

  dispose(): void {
    this.#item.dispose();
  }
}
