/**
 * The layout of every page of the newspaper, with its consent banner.
 * @module
 */
import { html } from "hono/html";
import { noScript } from "../no-script.ts";

/** The result of hono's `html`. */
export type Markup = ReturnType<typeof html>;

/** One page of the newspaper. */
export interface Page {
  path: string;
  title: string;
  body: Markup;
}

const SECTIONS = [
  ["/", "Front page"],
  ["/the-wheel-turns", "The mill"],
  ["/the-ferry-bell", "The river"],
  ["/about", "About"],
] as const;

/** A whole document. The panel belongs to the demonstration; a publisher's site does not have it. */
export function layout({ path, title, body }: Page): Markup {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
    <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/assets/gazette.css">
    <link rel="stylesheet" href="/_demo/panel.css">
    <script type="module" src="/assets/consent.js"></script>
    <script async src="/_ts/prebid.js"></script>
    <script async src="/assets/prebid.js"></script>
    <script type="module" src="/assets/advert.js"></script>
    <script type="module" src="/_demo/panel.js"></script>
  </head>
  <body>
    <a class="skip" href="#content">Skip to the content</a>
    <div class="paper">
      <header class="masthead">
        <p class="ears"><span>Est. 1874</span><span>Both banks, every morning</span><span>Price: one penny</span></p>
        <p class="name"><a href="/">The Millrace Gazette</a></p>
        <nav aria-label="Sections">
          <ul>
            ${SECTIONS.map(
              ([href, name]) =>
                html`<li><a href="${href}"${href === path ? html` aria-current="page"` : ""}>${name}</a></li>`,
            )}
          </ul>
        </nav>
      </header>
      <main id="content">${body}</main>
      ${advert}
      <footer class="foot">
        <p>The Millrace Gazette, its town and its people are made up: a site for millrace to stand in front of.</p>
        <p class="links">
          <button type="button" class="link" id="privacy-choices">Privacy choices</button>
          <a class="link" href="/_demo/partner">Play a partner</a>
        </p>
      </footer>
    </div>
    ${banner}
    ${noScript}
  </body>
</html>`;
}

/** advert.js fills it with the result of an auction. Without a script it is not shown. */
const advert = html`<aside class="advert" id="advert" aria-labelledby="advert-label" hidden>
        <p class="kicker" id="advert-label">Advertisement</p>
        <p class="advert-text" id="advert-text"></p>
        <details class="advert-details">
          <summary>What the bidder was told of you</summary>
          <p class="advert-received" id="advert-received"></p>
          <ul class="advert-eids" id="advert-eids"></ul>
        </details>
      </aside>`;

/** consent.js fills and shows it, depending on the place. */
const banner = html`<section class="banner" id="banner" role="dialog" aria-labelledby="banner-title" aria-describedby="banner-text" tabindex="-1" hidden>
      <h2 id="banner-title"></h2>
      <p id="banner-text"></p>
      <div class="choices">
        <button type="button" id="banner-yes">Yes</button>
        <button type="button" id="banner-no">No</button>
      </div>
    </section>
    <p class="notice" id="notice" role="status"></p>`;
