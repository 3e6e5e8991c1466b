/**
 * The pages of the service, as HTML without script (G26, G28, O4).
 * @module
 */
import { toNpub } from "../../../runtime/grasp/npub.ts";
import type { GraspSection } from "../config.ts";

/** Foreign text in HTML. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

const STYLE = `
  :root { color-scheme: light dark; font: 1rem/1.6 system-ui, sans-serif; }
  body { max-width: 46rem; margin: 0 auto; padding: 2rem 1rem; }
  code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
  pre { padding: 0.8rem 1rem; overflow-x: auto; border: 1px solid color-mix(in srgb, currentcolor 25%, transparent); border-radius: 8px; }
  dt { font-weight: 600; } dd { margin: 0 0 0.6rem; word-break: break-word; }
`;

/** A page: HTML with a policy that allows no script and nothing external. */
export function page(status: number, title: string, body: string): Response {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${body}
</body>
</html>
`;
  return new Response(html, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy":
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
  });
}

/** The landing page. */
export function landingPage({ name, description, domain, quota, operatorPubkey }: GraspSection): Response {
  const operator =
    operatorPubkey === null ? "" : `<dt>Operator</dt><dd><code>${toNpub(operatorPubkey)}</code></dd>`;
  return page(
    200,
    name,
    `<main>
<h1>${escapeHtml(name)}</h1>
<p>${escapeHtml(description || "Git hosting without accounts: a Nostr relay and a Git server in one.")}</p>
<h2>Host a repository here</h2>
<ol>
<li>Publish an announcement (kind 30617) to <code>wss://${escapeHtml(domain)}</code> that lists
<code>https://${escapeHtml(domain)}/&lt;your npub&gt;/&lt;identifier&gt;.git</code> in <code>clone</code> and this relay in <code>relays</code>.</li>
<li>Publish a state (kind 30618) with the same <code>d</code> that names your branches and tags.</li>
<li>Push what the state names:</li>
</ol>
<pre>git push https://${escapeHtml(domain)}/&lt;your npub&gt;/&lt;identifier&gt;.git main</pre>
<p>An event whose Git data is missing waits for 30 minutes and is not served before the data is here.</p>
<h2>Clone</h2>
<pre>git clone nostr://&lt;npub&gt;/&lt;identifier&gt;
git clone https://${escapeHtml(domain)}/&lt;npub&gt;/&lt;identifier&gt;.git</pre>
<dl>
<dt>Repositories of one author</dt><dd>${quota.repositoriesPerAuthor}</dd>
${operator}
</dl>
</main>`,
  );
}

/** The page of a repository. */
export function repositoryPage(url: string, nostrUrl: string, identifier: string, status: string): Response {
  const webClient = `https://gitworkshop.dev/${encodeURI(nostrUrl.replace("nostr://", ""))}`;
  return page(
    200,
    identifier,
    `<main>
<h1>${escapeHtml(identifier)}</h1>
<p>${status === "served" ? "Served here." : "Announced here; it waits for its first Git data."}</p>
<pre>git clone ${escapeHtml(nostrUrl)}
git clone ${escapeHtml(url)}</pre>
<p><a rel="noopener" href="${escapeHtml(webClient)}">Open in a web client</a></p>
</main>`,
  );
}

/** The page of what is not hosted here. */
export function notHosted(): Response {
  return page(
    404,
    "Not hosted here",
    "<main><h1>Not hosted here</h1><p>No repository of this name is announced here.</p></main>",
  );
}
