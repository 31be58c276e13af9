/** Markdown of a model to HTML that can neither run anything nor reach anywhere. Pure. */

import MarkdownIt from "markdown-it";

// Without images and links: what a model writes may have been put into its mouth by the code it read, and an address
// that is fetched or clicked would carry that code away.
const markdown = new MarkdownIt({ html: false, linkify: false }).disable(["image", "link", "autolink", "reference"]);

/** `text` as HTML, whatever it holds; also while the last of its code blocks is not closed yet. */
export function render(text: string): string {
  return markdown.render(text);
}
