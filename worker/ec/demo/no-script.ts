import { html } from "hono/html";

/** A message in place of the panel if the browser runs no JavaScript. */
export const noScript = html`<noscript>
      <aside class="panel p-open p-noscript" aria-label="The demonstration’s panel">
        <div class="p-body">
          <header><h2>The demonstration needs JavaScript</h2></header>
          <p>The panel, the consent banner and the partner’s page are scripts. millrace itself is not: it answers this page, too,
          and <code>curl -i</code> shows what it sets.</p>
        </div>
      </aside>
    </noscript>`;
