/**
 * The page of a repository: its facts as HTML (G26, G27). `status.json` has the same facts.
 * @module
 */
import type {
  AskedFacts,
  PusherFacts,
  RefFacts,
  RepairFacts,
  RepositoryFacts,
  WaitingFacts,
} from "../../../runtime/grasp/facts.ts";
import {
  distance,
  type Frame,
  type Html,
  html,
  link,
  moment,
  npub,
  page,
  short,
  shown,
  table,
  terms,
} from "./html.ts";

/** Refs that the page shows; `status.json` has all. */
const MAX_REFS = 100;

/** @param frame of the page, without its title and status */
export function repositoryPage(
  facts: RepositoryFacts,
  nowSeconds: number,
  frame: Omit<Frame, "status" | "title">,
): Promise<Response> {
  const { identifier, announcement, urls, owner, place } = facts;
  const name = announcement.name || identifier;
  return page(
    { ...frame, status: 200, title: `${name} · ${frame.site}` },
    html`<h1>${shown(name)}</h1>
${announcement.description ? html`<p class="lead">${shown(announcement.description)}</p>` : ""}
<p class="facts">${badge(place)} <code>${shown(identifier)}</code> by ${npub(owner)}</p>

<h2>Clone</h2>
<pre tabindex="0">git clone ${forShell(urls.nostr)}
git clone ${forShell(urls.https)}</pre>
<p>${link(urls.web_client, "Open in gitworkshop")} · <a href="${new URL(urls.https).pathname}/status.json">These facts as JSON</a></p>

<h2>State</h2>
${stateOf(facts, nowSeconds)}

${facts.waiting.length === 0 ? "" : html`<h2>Waiting for Git data</h2>${waitingTable(facts.waiting, nowSeconds)}`}
${facts.asked.length === 0 ? "" : html`<h2>Servers that were asked</h2>${askedTable(facts.asked, nowSeconds)}`}
${repairOf(facts, nowSeconds)}

<h2>Who may push</h2>
<p>A push must make the repository equal to the newest state that one of these keys signed.</p>
${pusherTable(facts.may_push, nowSeconds)}
${facts.roles.length === 0 ? "" : html`<p>Roles in the owner's announcement:</p>${rolesTable(facts)}`}

<h2>Announcement</h2>
<div class="card">${announcementTerms(facts, nowSeconds)}</div>`,
  );
}

const REPAIRED: Readonly<Record<RepairFacts["status"], string>> = {
  complete: "everything was here",
  repaired: "what was wrong is repaired",
  incomplete: "objects are missing, and other servers are asked for them",
  failed: "the repository could not be checked",
};

function repairOf({ last_repair: last }: RepositoryFacts, nowSeconds: number): Html {
  if (last === null) return html``;
  const missing = last.missing_objects.map((id) => html`<br><code>${id}</code>`);
  return html`<p>Last check ${moment(last.checked, nowSeconds)}: ${REPAIRED[last.status]}.${missing}</p>`;
}

/** An address without the characters that it may have and that a shell acts on. Git is served under each spelling (G2). */
function forShell(url: string): string {
  return url.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function badge(place: RepositoryFacts["place"]): Html {
  return place === "served"
    ? html`<span class="badge good">served</span>`
    : html`<span class="badge warm">waits for its first Git data</span>`;
}

function stateOf({ state, refs, head }: RepositoryFacts, nowSeconds: number): Html {
  const said =
    state === null
      ? html`<p>No state is known yet: nothing says which branches this repository has.</p>`
      : html`<p>The newest state that counts is ${short(state.id)} of ${moment(state.created_at, nowSeconds)} by ${npub(state.author)}; it ${
          state.place === "served" ? "is served" : "waits for its Git data"
        }. ${
          state.head === null
            ? ""
            : html`Its <code>HEAD</code> is <code>${shown(branchName(state.head))}</code>.`
        }${
          state.head !== null && head !== null && state.head !== head
            ? html` The repository's <code>HEAD</code> is <code>${shown(branchName(head))}</code>.`
            : ""
        }</p>`;
  if (refs.length === 0) return said;
  const rows = refs
    .slice(0, MAX_REFS)
    .map((ref) => [
      html`<code>${shown(ref.name.replace(/^refs\/(?:heads|tags)\//, ""))}</code>${ref.name.startsWith("refs/tags/") ? html` <small>tag</small>` : ""}`,
      ref.stated === null ? html`<small>not named</small>` : short(shown(ref.stated), 10),
      refState(ref),
    ]);
  return html`${said}${table("Branches and tags", ["Branch or tag", "The state says", "Here"], rows)}${
    refs.length > MAX_REFS ? html`<p>And ${refs.length - MAX_REFS} more, which the JSON has.</p>` : ""
  }`;
}

function branchName(ref: string): string {
  return ref.replace(/^refs\/heads\//, "");
}

function refState({ stated, here }: RefFacts): Html {
  if (here === null) return html`<span class="bad">absent</span>`;
  return here === stated ? html`<span class="good">the same</span>` : short(here, 10);
}

function waitingTable(waiting: readonly WaitingFacts[], nowSeconds: number): Html {
  const rows = waiting.map((entry) => [
    html`${entry.what} ${short(entry.id)}${entry.author === null ? "" : html`<br><small>by ${npub(entry.author)}</small>`}`,
    html`${moment(entry.since, nowSeconds)}<br><small>${entry.source === "direct" ? "from a client" : "from another server"}</small>`,
    moment(entry.until, nowSeconds),
    missingOf(entry),
  ]);
  return table("What waits", ["What", "Since", "Until", "Missing"], rows);
}

function missingOf({ what, missing, missing_more: more }: WaitingFacts): Html {
  if (what === "announcement") return html`<small>a state with its Git data</small>`;
  if (what === "upload") return html`<small>its event</small>`;
  if (missing.length === 0) return html`<small>nothing; it is about to be served</small>`;
  return html`${missing.map((id) => html`${short(shown(id), 10)} `)}${more > 0 ? html`<small>and ${more} more</small>` : ""}`;
}

function askedTable(asked: readonly AskedFacts[], nowSeconds: number): Html {
  const rows = asked.map(({ url, started, ended, outcome, answer, objects, times }) => [
    html`${link(url)}${times > 1 ? html` <small>${times} times</small>` : ""}`,
    html`${moment(started, nowSeconds)}${
      ended === null
        ? ""
        : html`<br><small>for ${distance(ended - started)
            .replace(/^in /, "")
            .replace("now", "less than a minute")}</small>`
    }`,
    html`${outcome ?? "is being asked"}${objects > 0 ? html`, ${objects} objects` : ""}${answer === null ? "" : html`<br><small>${shown(answer)}</small>`}`,
  ]);
  return table("Servers that were asked", ["Server", "When", "Answer"], rows);
}

function pusherTable(pushers: readonly PusherFacts[], nowSeconds: number): Html {
  const rows = pushers.map(({ npub: key, role, because }) => [
    npub(key),
    html`${role}`,
    html`${short(because.id)} by ${because.author === key ? "the same key" : npub(because.author)}<br><small>${because.place}</small>, ${moment(because.created_at, nowSeconds)}`,
  ]);
  return table("Who may push", ["Key", "Role", "By the announcement"], rows);
}

function rolesTable({ roles }: RepositoryFacts): Html {
  const rows = roles.map(({ npub: key, role, is_active }) => [
    npub(key),
    html`${role}`,
    html`${is_active ? "active" : "ended"}`,
  ]);
  return table("Roles", ["Key", "Role", "Now"], rows);
}

function announcementTerms({ announcement }: RepositoryFacts, nowSeconds: number): Html {
  const { id, created_at, place, web, topics, fork_of, references, clone, relays } = announcement;
  return terms([
    ["Event", html`${short(id)}, ${place}, ${moment(created_at, nowSeconds)}`],
    ["Web", listed(web, (url) => link(url))],
    ["Topics", listed(topics, (topic) => html`${shown(topic)}`)],
    ["Fork of", listed(fork_of, (text) => link(text))],
    ["References", listed(references, (text) => link(text))],
    ["Clone addresses", listed(clone, (url) => link(url))],
    ["Relays", listed(relays, (url) => html`${shown(url)}`)],
  ]);
}

function listed(values: readonly string[], show: (value: string) => Html): Html | null {
  return values.length === 0 ? null : html`<ul>${values.map((value) => html`<li>${show(value)}</li>`)}</ul>`;
}
