/** Markdown of a model to HTML that can neither run anything nor reach anywhere. Pure. */

import MarkdownIt from "markdown-it";

/** A link to a line of the document that is explained; its first group is the line, counted from 1. */
const LINE = /#L(\d+)$/;

/**
 * `text` as HTML, whatever it holds; also while the last of its code blocks is not closed yet.
 *
 * Without pictures, and without links but those to lines of `uri`: what a model writes may have been put into its mouth
 * by the code it read, and an address that is fetched or clicked would carry that code away.
 */
export function render(text: string, uri: string): string {
  const markdown = new MarkdownIt({ html: false, linkify: false }).disable(["image", "autolink", "reference"]);
  const here = new Set([uri, decoded(uri)]);
  markdown.validateLink = (url) => LINE.test(url) && here.has(decoded(url.replace(LINE, "")));
  markdown.renderer.rules.link_open = (tokens, index) => {
    const line = LINE.exec(String(tokens[index]?.attrGet("href")))?.[1] ?? "";
    return `<a href="#" data-line="${line}">`;
  };
  return markdown.render(text);
}

/** `uri` without its escapes: editors and servers do not escape the same characters. */
function decoded(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}
