// The panel's part about partners: their ids of the visitor, what became of the questions for them, and the gate in
// front of each partner's server.
import { clock, el, span } from "./elements.js";
import { createGate } from "./gate.js";

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
  drawTimes();
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

/** Draws what time alone changes: how old each id is, and how the gates stand. */
export function drawTimes() {
  for (const { id, age } of cards.values()) {
    age.textContent = id === null ? "" : `${span(Date.now() - id.synced * 1000)} ago`;
  }
  drawGates(gates);
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
