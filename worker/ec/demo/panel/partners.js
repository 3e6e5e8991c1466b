// The panel's part about partners: their ids for the visitor, the results of the pulls, and each partner's limits.
import { clock, el, span } from "./elements.js";
import { createGate } from "./gate.js";

/** The card of each partner, by id. */
const cards = new Map();
/** The last state of the gates. */
let gates = [];

/** Draws one card for each partner, with its id for the visitor. */
export function drawPartners(list, { partners, graph }) {
  for (const partner of partners) {
    if (!cards.has(partner.id)) {
      const card = createCard(partner);
      cards.set(partner.id, card);
      list.append(card.element);
    }
    const card = cards.get(partner.id);
    const { refusal } = partner;
    card.why.hidden = refusal === null;
    card.why.replaceChildren(
      ...(refusal === null ? [] : [refusal.text, " ", el("code", "p-reason", refusal.code)]),
    );
    card.id = graph.entry?.ids[partner.id] ?? null;
    card.uid.replaceChildren(
      card.id === null ? el("span", "p-none", "no id for you yet") : el("code", "", card.id.uid),
    );
  }
  drawTimes();
}

function createCard({ name, trait, isPlayed }) {
  const uid = el("span", "p-uid");
  const age = el("small", "p-age");
  const why = el("p", "p-why");
  const element = el(
    "li",
    "p-company",
    el("p", "p-head", el("b", "", name), el("small", "", trait)),
    el("p", "p-head", uid, age),
    why,
  );
  if (isPlayed) {
    const link = Object.assign(el("a", "", "Play this partner"), { href: "/_demo/partner" });
    element.append(el("p", "", link));
  }
  return { element, uid, age, why, id: null, gate: null };
}

/** Redraws what depends on the time: the age of each id, and the gates. */
export function drawTimes() {
  for (const { id, age } of cards.values()) {
    age.textContent = id === null ? "" : `${span(Date.now() - id.synced * 1000)} ago`;
  }
  drawGates(gates);
}

/** Draws the gates on the existing cards. */
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

// The results of the pulls

let newest = 0;

/** Adds new lines at the top without redrawing the others. */
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
