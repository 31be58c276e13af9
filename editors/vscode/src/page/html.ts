/** The explanation panel's page, and what it is sent. Pure. */

/** What the page shows: HTML that was rendered from Markdown, and how the writing ended, null while it goes on. */
export interface Shown {
  readonly title: string;
  readonly html: string;
  readonly outcome: "done" | "cancelled" | "failed" | null;
  readonly message: string | null;
}

/** What the page says: that it can be sent something, which button was pressed, which line was asked for. */
export type Said = "shown" | "stop" | "copy" | { readonly line: number };

/** The page around it. It may load its own style, run its own script, and nothing else. */
export function page(parts: { readonly script: string; readonly style: string; readonly nonce: string }): string {
  const { script, style, nonce } = parts;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'">
<link rel="stylesheet" href="${style}" nonce="${nonce}">
</head>
<body>
<header><h1 id="title"></h1><span id="state" role="status"></span>
<button id="stop" type="button">Stop</button><button id="copy" type="button">Copy</button></header>
<main id="text"></main>
<script src="${script}" nonce="${nonce}"></script>
</body>
</html>`;
}
