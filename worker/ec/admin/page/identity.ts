/** Looks up one id: shows its entry in the graph, and deletes it. */
import { ask, Refusal, sentence } from "../../../admin/page/api.ts";
import { announce, confirmed } from "../../../admin/page/dialogs.ts";
import { button, type Child, el, find, moment } from "../../../admin/page/dom.ts";

/** The answer of `GET /_ts/admin/identity/{id}`. */
interface Found {
  ec_id: string;
  entry: {
    v: number;
    created: number;
    last_seen: number;
    consent: { ok: boolean; updated: number; tcf?: string; gpp?: string };
    geo: { country: string | null; region?: string };
    ids: Record<string, { uid: string; synced: number }>;
  };
}

/** Adds the form's listener. */
export function startLookup(): void {
  const form = find<HTMLFormElement>("#lookup-form");
  const input = find<HTMLInputElement>("#lookup-id");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void lookUp(input.value.trim());
  });
}

/** Removes the result. */
export function clearLookup(): void {
  find<HTMLInputElement>("#lookup-id").value = "";
  find("#lookup-result").replaceChildren();
  setFault("");
}

function setFault(text: string): void {
  const input = find("#lookup-id");
  find("#lookup-fault").textContent = text;
  if (text === "") input.removeAttribute("aria-invalid");
  else input.setAttribute("aria-invalid", "true");
}

async function lookUp(id: string): Promise<void> {
  const result = find("#lookup-result");
  setFault("");
  result.replaceChildren();
  if (id === "") return setFault("Enter an EC id.");
  try {
    const found = (await ask("GET", `/_ts/admin/identity/${encodeURIComponent(id)}`)) as Found;
    result.replaceChildren(describe(found));
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) {
      result.replaceChildren(el("p", { class: "nothing" }, "The graph has no entry for this id."));
    } else {
      setFault(sentence(error));
    }
  }
}

function describe({ ec_id, entry }: Found): HTMLElement {
  const [hash, suffix] = ec_id.split(".");
  const { consent, geo, ids } = entry;
  const remove = button("Delete this identity", { class: "danger" }, () => void erase(ec_id));
  return el(
    "article",
    { "aria-label": "Entry in the graph" },
    el("p", { class: "ec-id code" }, el("b", {}, hash!), ".", el("i", {}, suffix!)),
    el(
      "dl",
      {},
      ...fact("Consent", consentOf(consent)),
      ...fact("Decided", moment(consent.updated)),
      ...fact("Country", countryOf(geo)),
      ...fact("First seen", moment(entry.created)),
      ...fact("Last seen", moment(entry.last_seen)),
      ...fact("TCF string (SHA-256)", textOf(consent.tcf)),
      ...fact("GPP string (SHA-256)", textOf(consent.gpp)),
      ...fact("Record", `version ${entry.v}`),
    ),
    el("h3", {}, "Partners’ ids"),
    idsOf(ids),
    el("p", { class: "actions" }, remove),
  );
}

function fact(name: string, value: Child): Child[] {
  return [el("dt", {}, name), el("dd", {}, value)];
}

function consentOf({ ok }: { ok: boolean }): HTMLElement {
  return ok
    ? el("span", { class: "badge good" }, "given")
    : el("span", { class: "badge bad" }, "withdrawn: a tombstone, deleted after 24 hours");
}

function textOf(text: string | undefined): HTMLElement {
  return text === undefined ? el("small", {}, "none") : el("code", {}, text);
}

function countryOf({ country, region }: Found["entry"]["geo"]): Child {
  if (country === null) return el("small", {}, "not known");
  let name = country;
  try {
    name = new Intl.DisplayNames("en-GB", { type: "region" }).of(country) ?? country;
  } catch {
    // The browser has no name for this code.
  }
  return region === undefined ? name : `${name}, ${region}`;
}

function idsOf(ids: Found["entry"]["ids"]): HTMLElement {
  const partners = Object.entries(ids).sort(([, a], [, b]) => b.synced - a.synced);
  if (partners.length === 0) return el("p", { class: "nothing" }, "No partner has an id for this visitor.");
  const columns = ["Partner", "Its id", "Since"].map((title) => el("th", { scope: "col" }, title));
  const rows = partners.map(([partner, { uid, synced }]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, partner),
      el("td", {}, el("code", {}, uid)),
      el("td", {}, moment(synced)),
    ),
  );
  return el(
    "div",
    { class: "wide" },
    el("table", {}, el("thead", {}, el("tr", {}, ...columns)), el("tbody", {}, ...rows)),
  );
}

async function erase(id: string): Promise<void> {
  const text =
    `The graph’s entry for ${id.slice(0, 8)}….${id.slice(-6)} and the pending work for it are deleted. ` +
    "This cannot be undone.";
  if (!(await confirmed("Delete this identity?", text, "Delete it"))) return;
  try {
    await ask("DELETE", "/_ts/api/v1/identity", { ec_id: id });
    clearLookup();
    announce(`The identity ${id.slice(0, 8)}… is deleted.`);
  } catch (error) {
    setFault(sentence(error));
  }
}
