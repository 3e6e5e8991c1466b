/**
 * The landing page: what this server is, and how to use it (O4).
 * @module
 */
import { toNpub } from "../../../runtime/grasp/npub.ts";
import type { GraspSection } from "../config.ts";
import { criteriaOf, curationOf, SUPPORTED_NIPS, sizeText, supportedGrasps, versionText } from "../nip11.ts";
import type { Build } from "../observe.ts";
import { html, npub, page, shown, terms } from "./html.ts";

/** The landing page. */
export function landingPage(section: GraspSection, build: Build): Promise<Response> {
  const { name, description, domain, basePath, quota, operatorPubkey } = section;
  const at = `${domain}${basePath}`;
  const relay = `wss://${domain}${basePath === "/" ? "" : basePath}`;
  const curation = curationOf(section);
  const version = versionText(build);
  return page(
    { status: 200, title: name, site: name, basePath, version },
    html`<h1>${shown(name)}</h1>
<p class="lead">${shown(description || "Git hosting without accounts: a Nostr relay and a Git server in one. Signed events decide who may push.")}</p>

<h2>Clone</h2>
<pre tabindex="0">git clone nostr://&lt;npub&gt;/&lt;identifier&gt;
git clone https://${at}&lt;npub&gt;/&lt;identifier&gt;.git</pre>
<p>The first form needs a Git remote helper for Nostr, such as <a rel="noopener" href="https://ngit.dev/">ngit</a>; the second needs Git alone.</p>

<h2>Host a repository here</h2>
<ol>
<li>Publish an announcement (kind 30617) to <code>${relay}</code>. Its <code>clone</code> lists
<code>https://${at}&lt;your npub&gt;/&lt;identifier&gt;.git</code>, its <code>relays</code> lists <code>${relay}</code>.</li>
<li>Publish a state (kind 30618) with the same <code>d</code>. It names every branch and tag with its commit, and <code>HEAD</code>.</li>
<li>Push what the state names:
<pre tabindex="0">git push nostr://&lt;your npub&gt;/&lt;identifier&gt; main
git push https://${at}&lt;your npub&gt;/&lt;identifier&gt;.git main</pre></li>
</ol>
<p>Both events wait in purgatory for 30 minutes, and are served when the Git data is here. A page at the repository's address
says what is still missing.</p>

<h2>What is accepted</h2>
<div class="card">${terms([
      ["Criteria", html`${criteriaOf(section)}`],
      ["Curation", html`${curation ?? "None"}`],
      [
        "Quota",
        html`${quota.repositoriesPerAuthor} repositories and ${sizeText(quota.bytesPerAuthor)} an author, ${sizeText(quota.bytesPerRepository)} a repository`,
      ],
    ])}</div>

<h2>About this server</h2>
<div class="card">${terms([
      ["Operator", operatorPubkey === null ? null : npub(toNpub(operatorPubkey))],
      ["GRASP", html`${supportedGrasps(section).join(", ")}`],
      ["NIPs", html`${SUPPORTED_NIPS.map((nip) => String(nip).padStart(2, "0")).join(", ")}`],
      ["Software", html`millrace ${version}, Git ${build.git}`],
      [
        "For programs",
        html`<a href="${basePath}.well-known/nostr.json">nostr.json</a>, and NIP-11 at this address`,
      ],
    ])}</div>`,
  );
}

/** The page of what is not hosted here. */
export function notHosted({ name, basePath }: GraspSection, build: Build): Promise<Response> {
  return page(
    { status: 404, title: "Not hosted here", site: name, basePath, version: versionText(build) },
    html`<h1>Not hosted here</h1>
<p class="lead">No repository is announced at this address, or its announcement has expired.</p>
<p class="facts">A repository's address is <code>&lt;npub&gt;/&lt;identifier&gt;.git</code>. <a href="${basePath}">How to host one here</a></p>`,
  );
}
