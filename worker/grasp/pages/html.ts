/**
 * What all pages share: escaping, links, times and the frame. Pages have no script, and nothing comes from elsewhere (G28).
 * @module
 */
import { createHash } from "node:crypto";
import { html, raw } from "hono/html";
import { STYLE } from "./style.ts";

/** A piece of a page, whose text is escaped. */
export type Html = ReturnType<typeof html>;

export { html };

/** Longest foreign text that is shown, in characters. */
const MAX_TEXT = 600;
/** Controls, marks of direction, and characters without width. */
const UNSEEN = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** Foreign text as one line that is what it seems: cut, and with a sign in place of what has no sign of its own (T30). */
export function shown(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return cut.toWellFormed().replace(UNSEEN, "\ufffd");
}

/** A foreign address: a link if it is http or https, else text (G28). */
export function link(url: string, text = url): Html {
  const isWeb = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
  return isWeb
    ? html`<a rel="noopener" href="${new URL(url).href}">${shown(text)}</a>`
    : html`${shown(text)}`;
}

/** A moment: the date, and how far it is. */
export function moment(seconds: number, nowSeconds: number): Html {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return html`${String(seconds)}`;
  const iso = date.toISOString();
  const text = `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
  return html`<time datetime="${iso}">${text}</time> <small>${distance(seconds - nowSeconds)}</small>`;
}

const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
] as const;

/** `in 12 minutes`, `3 days ago`, `now`. */
export function distance(seconds: number): string {
  const size = Math.abs(seconds);
  for (const [unit, length] of UNITS) {
    const count = Math.floor(size / length);
    if (count === 0) continue;
    const text = `${count} ${unit}${count === 1 ? "" : "s"}`;
    return seconds > 0 ? `in ${text}` : `${text} ago`;
  }
  return "now";
}

/** An id or key, cut for people; the whole is its title. */
export function short(text: string, head = 8, tail = 0): Html {
  const cut = tail === 0 ? text.slice(0, head) : `${text.slice(0, head)}…${text.slice(-tail)}`;
  return html`<code title="${text}">${text.length <= head + tail + 1 ? text : cut}</code>`;
}

export function npub(text: string): Html {
  return short(text, 12, 6);
}

/** A table. On a narrow screen each row is a card, and each cell has its column's name; the roles keep it a table there. */
export function table(label: string, head: readonly string[], rows: readonly (readonly Html[])[]): Html {
  return html`<div class="wide" tabindex="0" role="region" aria-label="${label}"><table role="table">
<thead role="rowgroup"><tr role="row">${head.map((name) => html`<th role="columnheader" scope="col">${name}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map(
    (row) =>
      html`<tr role="row">${row.map((cell, i) => html`<td role="cell" data-column="${head[i]}"><div>${cell}</div></td>`)}</tr>`,
  )}</tbody>
</table></div>`;
}

/** A list of terms; those without a value are left out. */
export function terms(pairs: readonly (readonly [term: string, value: Html | null])[]): Html {
  return html`<dl>${pairs.map(([term, value]) => (value === null ? "" : html`<div><dt>${term}</dt><dd>${value}</dd></div>`))}</dl>`;
}

const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src 'self'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-cache",
};

/** What the frame needs. */
export interface Frame {
  readonly status: number;
  readonly title: string;
  /** The relay's name. */
  readonly site: string;
  /** The path below which the service answers. */
  readonly basePath: string;
  readonly version: string;
}

/** A whole page. */
export async function page({ status, title, site, basePath, version }: Frame, body: Html): Promise<Response> {
  const text = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${shown(title)}</title>
<link rel="icon" href="${basePath}icon.png">
<style>${raw(STYLE)}</style>
</head>
<body>
<header><a href="${basePath}"><img src="${basePath}icon.png" alt="" width="32" height="32"><span>${shown(site)}</span></a></header>
<main>
${body}
</main>
<footer><p>Nostr relay and Git server by millrace ${version}</p></footer>
</body>
</html>
`;
  return new Response(String(text), { status, headers: HEADERS });
}
