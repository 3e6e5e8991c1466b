/**
 * The page on which the visitor acts as a partner: the requests that a partner's engineer tries first.
 * @module
 */
import { html } from "hono/html";
import { noScript } from "../no-script.ts";
import { PLAYED } from "../partners/companies.ts";

type Markup = ReturnType<typeof html>;

/** The values that the page shows. */
export interface PlayPageValues {
  apiKey: string;
  /** Scheme, host and port of the request. */
  origin: string;
  /** The id in the visitor's cookie. */
  id: string | null;
  /** The id whose consent was withdrawn last. */
  withdrawnId: string | null;
}

/** A well-formed id without an entry in the graph. */
const UNKNOWN_ID = `${"5eed".repeat(16)}.nobody`;
const BROKEN_ID = "not-an-ec-id";

/** A bid request of a page, without an identity. */
const BID_REQUEST = {
  id: "auction-1",
  imp: [{ id: "1", banner: { w: 300, h: 250 } }],
  site: { domain: "millrace.localhost", page: "http://millrace.localhost/" },
  tmax: 500,
};

/** A whole document. */
export function playPage({ apiKey, origin, id, withdrawnId }: PlayPageValues): Markup {
  const back = `${origin}/_demo/partner#pixel`;
  const mappings = [
    ...(id === null ? [] : [[id, "your id"]]),
    ...(withdrawnId === null || withdrawnId === id ? [] : [[withdrawnId, "the id that you withdrew"]]),
    [UNKNOWN_ID, "well-formed, but nobody’s"],
    [BROKEN_ID, "no id at all"],
  ] as [string, string][];

  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${PLAYED.name}: play the partner</title>
    <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/_demo/play.css">
    <link rel="stylesheet" href="/_demo/panel.css">
    <script type="module" src="/_demo/play.js"></script>
    <script type="module" src="/_demo/panel.js"></script>
  </head>
  <body>
    <a class="skip" href="#content">Skip to the content</a>
    <div class="office">
      <header class="top">
        <p class="firm">${PLAYED.name}</p>
        <p class="home"><a href="/">Back to the Gazette</a></p>
      </header>
      <main id="content">
        <h1>You are the partner now</h1>
        <p class="lede">${PLAYED.name} has its own ids for its customers and wants to share them with the Gazette. Below is
        everything that a partner can do with millrace over HTTP. All requests are real and go to this server.</p>
        <dl class="facts">
          <div><dt>Partner id</dt><dd><code>${PLAYED.id}</code></dd></div>
          <div>
            <dt>API key</dt>
            <dd><code id="api-key">${apiKey}</code> <small>made for this demonstration when it started; a real one is a secret</small></dd>
          </div>
          <div>
            <dt>The visitor</dt>
            <dd id="visitor">${id === null ? noId : html`<code id="ec-id">${id}</code> <small>you, by your cookie</small>`}</dd>
          </div>
        </dl>

        <section class="card" aria-labelledby="pixel">
          <h2 id="pixel">Pixel</h2>
          <p>The browser is on a page of the partner. The page redirects it to <code>GET /sync</code> with the partner’s own id
          for the customer, and millrace redirects it back with the result.</p>
          <form action="/sync" method="get" class="line">
            <input type="hidden" name="partner" value="${PLAYED.id}">
            <input type="hidden" name="return" value="${back}">
            <label>The partner’s id <input name="uid" id="pixel-uid" value="customer-4711" maxlength="256" required></label>
            <button>Send the browser by</button>
          </form>
          <div class="result" id="pixel-result"></div>
        </section>

        <section class="card" aria-labelledby="batch">
          <h2 id="batch">Batch upload</h2>
          <p>The partner’s server uploads its ids for many visitors with <code>POST /_ts/api/v1/sync</code>, up to a thousand at a
          time. Each mapping has its own result: an invalid one does not affect the others.</p>
          <form id="batch-form">
            <ol class="mappings">${mappings.map(([ecId, what], at) => mapping(ecId, what, at))}</ol>
            <p class="line"><button type="button" class="plain" id="batch-add">Add a mapping</button></p>
            <div class="line">
              <label>API key <input id="batch-key" value="${apiKey}" autocomplete="off" spellcheck="false"></label>
              <button>Upload</button>
            </div>
          </form>
          <div class="result" id="batch-result"></div>
          <details>
            <summary>The same in a terminal</summary>
            <pre id="batch-curl"></pre>
          </details>
        </section>

        <section class="card" aria-labelledby="identify">
          <h2 id="identify">Identify</h2>
          <p>A page of the publisher asks for its visitor’s identity with <code>GET /identify</code>. It gets the id, and the ids
          of the partners that share theirs with advertising.</p>
          <p class="line"><button type="button" id="identify-ask">Ask who you are</button></p>
          <div class="result" id="identify-result"></div>
        </section>

        <section class="card" aria-labelledby="auction">
          <h2 id="auction">Auction</h2>
          <p>The page has room for an advertisement and sends a bid request to <code>POST /auction</code>. millrace adds your
          identity, if you allow it, and forwards the request: here to Quickbeck Exchange, which pays more for a known visitor.</p>
          <details>
            <summary>What the page sends</summary>
            <pre id="auction-request">${JSON.stringify(BID_REQUEST, null, 2)}</pre>
          </details>
          <p class="line"><button type="button" id="auction-hold">Hold an auction</button></p>
          <div class="result" id="auction-result"></div>
        </section>

        <section class="card" aria-labelledby="forget">
          <h2 id="forget">Forget me</h2>
          <p>Your browser can delete your identity with <code>DELETE /_ts/api/v1/identity</code> and its cookie. This does not
          withdraw consent: while you allow it, the next page mints a new id.</p>
          <p class="line"><button type="button" id="forget-me">Forget me</button></p>
          <div class="result" id="forget-result"></div>
        </section>
      </main>
      <footer class="foot"><p>${PLAYED.name}, Quickbeck Exchange and Mossgate Audiences are made up.</p></footer>
    </div>
    ${noScript}
  </body>
</html>`;
}

const noId = html`nobody yet: <a href="/">open the Gazette</a> and accept, then come back`;

/** One line of the list. play.js copies the last line to add one. */
function mapping(ecId: string, what: string, at: number): Markup {
  return html`<li>
              <label class="wide"><span>EC id <small>${what}</small></span>
                <input name="ec_id" value="${ecId}" autocomplete="off" spellcheck="false"></label>
              <label>The partner’s id
                <input name="partner_uid" value="customer-${4711 + at}" autocomplete="off" spellcheck="false"></label>
              <label>As of
                <select name="age">
                  <option value="0">now</option>
                  <option value="3600">an hour ago</option>
                  <option value="-7200">in two hours</option>
                </select></label>
              <button type="button" class="plain" name="remove" aria-label="Remove this mapping">Remove</button>
            </li>`;
}
