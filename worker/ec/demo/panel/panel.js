// The panel beside the page. It draws the snapshots that the demonstration's server streams for this visitor.
import { clock, el, idCode, json } from "./elements.js";
import { drawGates, drawPartners, drawPulls, drawTimes } from "./partners.js";

const PARTS = `
  <button type="button" class="p-bar" aria-expanded="false" aria-controls="p-body">
    <span class="p-dot"></span><span class="p-summary">Behind the page</span><span class="p-caret" aria-hidden="true"></span>
  </button>
  <div class="p-body" id="p-body">
    <header>
      <h2>Behind the page</h2>
      <p>What millrace makes of your requests, as it happens.</p>
      <p class="p-stale" role="status" hidden></p>
    </header>
    <section aria-labelledby="p-steps-title">
      <h3 id="p-steps-title">The life of an id, in seven steps</h3>
      <ol class="p-steps"></ol>
      <div class="p-next"></div>
    </section>
    <section>
      <fieldset class="p-places">
        <legend><h3>Where you are</h3></legend>
        <div></div>
        <p class="p-note">Only this demonstration lets you choose. A real service gets the place from its host, or from a header that its operator trusts.</p>
      </fieldset>
    </section>
    <section aria-labelledby="p-happenings-title">
      <h3 id="p-happenings-title">What just happened</h3>
      <div role="log" aria-labelledby="p-happenings-title"><ol class="p-happenings"></ol></div>
      <button type="button" class="p-earlier" aria-expanded="false" hidden></button>
    </section>
    <section aria-labelledby="p-id-title">
      <h3 id="p-id-title">Your id <small>cookie ts-ec</small></h3>
      <div class="p-id"></div>
    </section>
    <section aria-labelledby="p-partners-title" id="p-partners">
      <h3 id="p-partners-title">Partners’ ids <small>asked once the page is out</small></h3>
      <ul class="p-partners"></ul>
      <h4 id="p-pulls-title">Lately</h4>
      <div role="log" aria-labelledby="p-pulls-title"><ol class="p-pulls"></ol></div>
      <button type="button" class="p-crowd">Let eight readers come at once</button>
      <p class="p-note">For each of them both partners are asked. If a partner is at its limit, they wait in line, and so do you.</p>
    </section>
    <section aria-labelledby="p-consent-title">
      <h3 id="p-consent-title">Is an id allowed? <small>consent</small></h3>
      <div class="p-consent"></div>
    </section>
    <section aria-labelledby="p-graph-title">
      <h3 id="p-graph-title">What the graph holds <small>the store’s entry</small></h3>
      <div class="p-graph"></div>
    </section>
    <footer><button type="button" class="p-reset">Start over</button></footer>
  </div>`;

const panel = document.createElement("aside");
panel.className = "panel";
panel.setAttribute("aria-label", "Behind the page: the demonstration’s panel");
panel.innerHTML = PARTS;
document.body.append(panel);
const find = (selector) => panel.querySelector(selector);

// The seven steps

const privacyChoices = { text: "Open privacy choices", opens: "#privacy-choices" };
const STEPS = [
  [
    "visit",
    "Visit",
    "Read the front page. In France an id needs your consent, so there is none yet.",
    { text: "Go to the front page", href: "/" },
  ],
  ["accept", "Accept", "Accept in the banner. The next request mints your id.", privacyChoices],
  [
    "return",
    "Return",
    "Open another page. Your id stays the same.",
    { text: "Read about the wheel", href: "/the-wheel-turns" },
  ],
  [
    "partners",
    "Partners",
    "Two partners are asked for their own ids for you. One answers at once; the other is slow, and may ask to be tried again on your next visit.",
    { text: "Read about the ferry", href: "/the-ferry-bell" },
  ],
  [
    "play",
    "Play",
    "Be the third partner: bring an id of your own, by pixel or by upload.",
    { text: "Play the partner", href: "/_demo/partner#pixel" },
  ],
  [
    "withdraw",
    "Withdraw",
    "Withdraw your consent: the cookie is deleted, and a tombstone stays in the graph.",
    privacyChoices,
  ],
  ["again", "Again", "Accept once more: a new id, with the same hash and another suffix.", privacyChoices],
];
const ALL_DONE = "You have done all steps. Now try California’s opt-out, Japan, or an unknown country.";

/** A link, or a button that clicks the page's own button. If the page has none, a link to a page that has one. */
function action({ text, href, opens }) {
  const target = opens === undefined ? null : document.querySelector(opens);
  const element = el(target === null ? "a" : "button", "p-action", text);
  if (target === null) {
    element.href = href ?? "/";
  } else {
    element.type = "button";
    element.addEventListener("click", () => {
      expand(false);
      target.click();
    });
  }
  return element;
}

function drawSteps({ steps }) {
  const next = STEPS.find(([key]) => !steps.includes(key));
  const items = STEPS.map(([key, name]) => {
    const isDone = steps.includes(key);
    const item = el("li", isDone ? "p-done" : "", name, el("span", "p-hidden", isDone ? " (done)" : ""));
    if (key === next?.[0]) item.setAttribute("aria-current", "step");
    return item;
  });
  find(".p-steps").replaceChildren(...items);
  const [, , text, link] = next ?? ["", "", ALL_DONE, null];
  find(".p-next").replaceChildren(el("p", "", text), ...(link === null ? [] : [action(link)]));
}

// Where you are

/** Set while the page reloads for another place, so that the focus returns to the choice of places. */
const TRAVELLED = "demo-travelled";

function drawPlaces({ places, place }) {
  const group = find(".p-places div");
  if (group.childElementCount === 0) {
    for (const { key, name } of places) {
      const input = Object.assign(document.createElement("input"), {
        type: "radio",
        name: "place",
        value: key,
      });
      group.append(el("label", "", input, el("span", "", name)));
    }
    group.addEventListener("change", ({ target }) => {
      // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every browser.
      document.cookie = `demo-place=${target.value}; Path=/; SameSite=Lax`;
      sessionStorage.setItem(TRAVELLED, "yes");
      location.reload();
    });
  }
  const here = find(`.p-places input[value="${place}"]`);
  here.checked = true;
  if (sessionStorage.getItem(TRAVELLED) !== null) here.focus({ preventScroll: true });
  sessionStorage.removeItem(TRAVELLED);
}

// The id

function drawId({ id, address }) {
  find(".p-id").replaceChildren(
    ...(id === null
      ? [el("p", "p-none", "None. Your browser has no such cookie.")]
      : [
          idCode(id),
          el(
            "p",
            "p-note",
            el("b", "p-hash", "Hash"),
            ` the HMAC of your address, ${address}, under the paper’s passphrase. `,
            el("b", "p-suffix", "Suffix"),
            " random: it distinguishes people behind one address.",
          ),
        ]),
  );
}

// Consent

function row(name, ...value) {
  return el("div", "", el("dt", "", name), el("dd", "", ...value));
}

function drawConsent({ consent }) {
  if (consent === null) {
    find(".p-consent").replaceChildren(el("p", "p-none", "Nothing to decide yet: the site was not visited."));
    return;
  }
  const { allowed, jurisdiction, code, reason, signals } = consent;
  const cookies = [
    ["euconsent-v2", signals.tcf],
    ["__gpp", signals.gpp],
    ["__gpp_sid", signals.gppSid],
    ["us_privacy", signals.usPrivacy],
  ];
  const there = cookies.filter(([, value]) => value !== null);
  const absent = cookies.filter(([, value]) => value === null).map(([name]) => name);
  const list = el(
    "dl",
    "p-signals",
    ...there.map(([name, value]) => row(name, value)),
    row("Sec-GPC", signals.gpc ? "1" : el("i", "", "not sent by your browser")),
    ...(absent.length === 0 ? [] : [row("not set", el("i", "", absent.join(", ")))]),
  );
  const verdict = el("p", allowed ? "p-verdict p-yes" : "p-verdict p-no", allowed ? "Yes" : "No");
  const rules = el("p", "p-rules", "Rules: ", el("b", "", jurisdiction));
  const why = el("p", "p-why", reason, " ", el("code", "p-reason", code));
  find(".p-consent").replaceChildren(el("div", "p-head", verdict, rules), why, list);
}

// The graph

/** The element with a tombstone's remaining time, and the time of its end. */
let countdown = null;

function drawCountdown() {
  if (countdown === null) return;
  const seconds = Math.max(0, Math.round((countdown.untilMs - Date.now()) / 1000));
  const part = (value) => String(value).padStart(2, "0");
  const time = [seconds / 3600, (seconds / 60) % 60, seconds % 60]
    .map((value) => part(Math.floor(value)))
    .join(":");
  countdown.element.textContent = seconds === 0 ? "is gone now" : `for another ${time}`;
}

function drawGraph({ id, graph }) {
  const { isDown, entry, tombstone } = graph;
  const parts = [];
  countdown = null;
  if (isDown) parts.push(el("p", "p-none", "The store does not answer."));
  else if (entry !== null) parts.push(el("pre", "p-entry", ...json(entry)));
  else if (id !== null) parts.push(el("p", "p-none", "Nothing under this id."));
  else if (tombstone === null) parts.push(el("p", "p-none", "Nothing: there is no id to know anything of."));
  if (tombstone !== null) {
    const remaining = el("span", "p-remaining");
    countdown = { element: remaining, untilMs: tombstone.untilMs };
    parts.push(
      el(
        "div",
        "p-tombstone",
        el("p", "", el("b", "", "Tombstone "), remaining),
        idCode(tombstone.id),
        el("pre", "p-entry", ...json(tombstone.entry)),
        el(
          "p",
          "p-note",
          "Consent to this id was withdrawn. While the tombstone exists, every write is refused.",
        ),
      ),
    );
    drawCountdown();
  }
  find(".p-graph").replaceChildren(...parts);
}

setInterval(() => {
  drawCountdown();
  drawTimes();
}, 1000);

// What just happened

let newest = 0;

function happening({ atMs, request, kind, title, text, cookies }) {
  const item = el(
    "li",
    `p-${kind}`,
    el("p", "p-head", el("b", "", title), el("time", "", clock(atMs))),
    el("p", "p-request", request),
    el("p", "", text),
  );
  if (cookies.length > 0) {
    item.append(
      el(
        "details",
        "",
        el("summary", "", "The header that did it"),
        ...cookies.map((line) => el("code", "p-code", `set-cookie: ${line}`)),
      ),
    );
  }
  return item;
}

/** Adds new lines at the top without redrawing the others, which the visitor may be reading. */
function drawHappenings({ happenings }) {
  const list = find(".p-happenings");
  const last = happenings[0]?.number ?? 0;
  if (last < newest) {
    list.replaceChildren();
    newest = 0;
  }
  const fresh = happenings.filter(({ number }) => number > newest);
  list.prepend(...fresh.map(happening));
  while (list.childElementCount > happenings.length) list.lastElementChild.remove();
  newest = last;
  drawEarlier();
}

/** Shows the newest line always, and the earlier ones on demand. */
function drawEarlier() {
  const list = find(".p-happenings");
  const button = find(".p-earlier");
  const isOpen = list.classList.contains("p-all");
  button.hidden = list.childElementCount < 2;
  button.setAttribute("aria-expanded", String(isOpen));
  button.textContent = isOpen
    ? "Hide what was before"
    : `Show what was before (${list.childElementCount - 1})`;
}

find(".p-earlier").addEventListener("click", () => {
  find(".p-happenings").classList.toggle("p-all");
  drawEarlier();
});

// The bar that replaces the panel on a small screen

function expand(isOpen) {
  panel.classList.toggle("p-open", isOpen);
  find(".p-bar").setAttribute("aria-expanded", String(isOpen));
}

find(".p-bar").addEventListener("click", () => expand(!panel.classList.contains("p-open")));
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") expand(false);
});

/** The bar's text while the server answers. */
let summary = "Behind the page";

function drawBar({ id, place, places, consent }) {
  const name = places.find(({ key }) => key === place).name;
  summary = `${name} · ${id === null ? "no id" : `id ${id.hash.slice(0, 4)}….${id.suffix}`}`;
  find(".p-summary").textContent = summary;
  find(".p-dot").className = `p-dot ${consent?.allowed ? "p-yes" : "p-no"}`;
}

/** Maximum length of a partner's queue at which the crowd button works. */
const MAX_LINE = 16;

find(".p-crowd").addEventListener("click", () => fetch("/_demo/crowd", { method: "POST" }));

find(".p-reset").addEventListener("click", async () => {
  await fetch("/_demo/reset", { method: "POST" });
  location.assign("/");
});

// The stream

/** When the last snapshot came. */
let drawnMs = null;

/** Says that the panel is out of date; an empty text says that it is not. */
function drawStale(text) {
  const notice = find(".p-stale");
  notice.hidden = text === "";
  if (notice.textContent !== text) notice.textContent = text;
  panel.classList.toggle("p-lost", text !== "");
  find(".p-summary").textContent = text === "" ? summary : "The server does not answer";
}

function lost() {
  panel.classList.remove("p-live");
  if (source.readyState === EventSource.CLOSED) {
    drawStale("The server has ended this panel’s stream. Reload the page.");
  } else {
    const since = drawnMs === null ? "" : ` The panel shows the state of ${clock(drawnMs)}.`;
    drawStale(`The server does not answer.${since} Trying again.`);
  }
}

function draw(state) {
  drawnMs = Date.now();
  drawStale("");
  drawBar(state);
  drawSteps(state);
  drawPlaces(state);
  drawId(state);
  drawConsent(state);
  drawGraph(state);
  drawPartners(find(".p-partners"), state);
  drawPulls(find(".p-pulls"), state);
  drawHappenings(state);
  panel.classList.add("p-live");
}

/** Open only while the page is visible: a browser opens few connections to one server. */
let source = null;

function listen() {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (source === null) {
    source = new EventSource("/_demo/events");
    source.addEventListener("message", ({ data }) => draw(JSON.parse(data)));
    source.addEventListener("gates", ({ data }) => {
      const gates = JSON.parse(data);
      drawGates(gates);
      find(".p-crowd").disabled = gates.some(({ waiting }) => waiting > MAX_LINE);
    });
    source.addEventListener("error", lost);
  }
}

document.addEventListener("visibilitychange", listen);
listen();
