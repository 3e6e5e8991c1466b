// The panel's part about partners: their ids of the visitor, what became of the questions for them, and the gate in
// front of each partner's server.
import { clock, el, svg } from "./elements.js";

const WIDTH = 360;
const MINUTE_MS = 60_000;
/** So many ids in line are drawn as dots; the rest as a number. */
const MAX_DOTS = 8;

/** What is drawn of each partner, by id. */
const cards = new Map();
/** How the gates stood when last heard of. */
let gates = [];

/** One card for each partner, with its id of the visitor. */
export function drawPartners(list, { partners, graph }) {
  for (const partner of partners) {
    if (!cards.has(partner.id)) {
      const card = createCard(partner);
      cards.set(partner.id, card);
      list.append(card.element);
    }
    const card = cards.get(partner.id);
    card.id = graph.entry?.ids[partner.id] ?? null;
    card.uid.replaceChildren(
      card.id === null ? el("span", "p-none", "no id of you yet") : el("code", "", card.id.uid),
    );
  }
  drawAges();
  drawGates(gates);
}

function createCard({ name, trait, isPlayed }) {
  const uid = el("span", "p-uid");
  const age = el("small", "p-age");
  const element = el(
    "li",
    "p-company",
    el("p", "p-head", el("b", "", name), el("small", "", trait)),
    el("p", "p-head", uid, age),
  );
  if (isPlayed) {
    const link = Object.assign(el("a", "", "Play this partner"), { href: "/_demo/partner" });
    element.append(el("p", "", link));
  }
  return { element, uid, age, id: null, gate: null };
}

/** Says how old each id is. */
export function drawAges() {
  for (const { id, age } of cards.values()) {
    age.textContent = id === null ? "" : `${span(Date.now() - id.synced * 1000)} ago`;
  }
  drawGates(gates);
}

/** A span of time in its largest unit. */
function span(ms) {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** The gates, on the cards that are there. */
export function drawGates(now) {
  gates = now;
  for (const gate of gates) {
    const card = cards.get(gate.partner);
    if (card === undefined) continue;
    if (card.gate === null) {
      card.gate = createGate(gate);
      card.element.append(...card.gate.elements);
    }
    card.gate.draw(gate);
  }
}

/** A channel: those in line, the gate that holds them, those who are through, and the wheel that they turn. */
function createGate({ maxConcurrent }) {
  const line = svg("g", { class: "p-line" });
  const gate = svg("g", { class: "p-sluice" }, svg("rect", { x: 157, y: 9, width: 6, height: 18, rx: 1.5 }));
  const places = Array.from({ length: maxConcurrent }, (_, index) =>
    svg("circle", { class: "p-place", cx: 190 + index * 20, cy: 18, r: 6 }),
  );
  const wheel = svg("g", { class: "p-wheel" }, svg("circle", { r: 10 }), svg("circle", { r: 2.5 }));
  for (let angle = 0; angle < 180; angle += 30) {
    wheel.append(svg("path", { d: "M-13 0H13", transform: `rotate(${angle})` }));
  }
  const minute = svg("g", { class: "p-minute" });
  const drawing = svg(
    "svg",
    { class: "p-gate", viewBox: `0 -7 ${WIDTH} 53`, "aria-hidden": "true" },
    svg("rect", { class: "p-channel", x: 0, y: 11, width: WIDTH, height: 14, rx: 7 }),
    svg("path", { class: "p-frame", d: "M154 -6V31M166 -6V31M151 -6H169" }),
    line,
    gate,
    ...places,
    svg("g", { transform: `translate(${WIDTH - 16} 18)` }, wheel),
    svg("path", { class: "p-frame", d: `M0 45.2H${WIDTH}` }),
    minute,
  );
  const state = el("p", "p-state");
  const counts = el("p", "p-counts");

  return {
    elements: [drawing, state, counts],
    draw({ inFlight, waiting, startsMs, closed, maxPerMinute }) {
      const nowMs = Date.now();
      const isShut = closed !== null && closed.untilMs > nowMs;
      drawing.classList.toggle("p-shut", isShut);
      drawing.classList.toggle("p-turns", inFlight > 0);
      places.forEach((place, index) => {
        place.classList.toggle("p-taken", index < inFlight);
      });
      const dots = Array.from({ length: Math.min(waiting, MAX_DOTS) }, (_, index) =>
        svg("circle", { cx: 140 - index * 13, cy: 18, r: 4.5 }),
      );
      const more = svg("text", { x: 6, y: 22 }, waiting > MAX_DOTS ? `+${waiting - MAX_DOTS}` : "");
      line.replaceChildren(...dots, more);
      const recent = startsMs.filter((atMs) => nowMs - atMs < MINUTE_MS);
      minute.replaceChildren(
        ...recent.map((atMs) => {
          const x = WIDTH * (1 - Math.max(0, nowMs - atMs) / MINUTE_MS);
          return svg("path", { d: `M${Math.min(WIDTH - 1, Math.max(1, x)).toFixed(1)} 36V45` });
        }),
      );
      state.textContent = isShut
        ? `Shut for ${span(closed.untilMs - nowMs)}: ${REASONS[closed.because]}`
        : "Open";
      counts.textContent = [
        waiting === 0 ? "Nobody in line" : `${waiting} in line`,
        `${inFlight} of ${maxConcurrent} under way`,
        `${recent.length} of ${maxPerMinute} a minute`,
      ].join(" · ");
    },
  };
}

const REASONS = {
  pause: "it wants a pause",
  window: "its minute is full",
  rest: "it keeps failing",
};

// What became of the questions

let newest = 0;

/** Adds what is new at the top, and leaves the rest as it is. */
export function drawPulls(list, { pulls }) {
  const last = pulls[0]?.number ?? 0;
  if (last < newest) {
    list.replaceChildren();
    newest = 0;
  }
  const fresh = pulls.filter(({ number }) => number > newest);
  list.prepend(
    ...fresh.map(({ atMs, kind, text }) =>
      el("li", `p-pull-${kind.replace(" ", "-")}`, el("time", "", clock(atMs)), el("span", "", text)),
    ),
  );
  while (list.childElementCount > pulls.length) list.lastElementChild.remove();
  newest = last;
}
