/** The list of partners, with a new key for one, and removal. */
import { ask, sentence } from "../../../admin/page/api.ts";
import { announce, confirmed } from "../../../admin/page/dialogs.ts";
import { button, el, find } from "../../../admin/page/dom.ts";
import { formatNumber } from "../../../admin/page/numbers.ts";
import { newKey, showKey } from "./api-key.ts";
import { type ListedPartner, openForm, startForm } from "./partner-form.ts";

/** Maximum number of rows. The search finds the other partners. */
const MAX_PARTNERS_SHOWN = 100;

let partners: ListedPartner[] = [];

/** Adds the section's listeners. */
export function startPartners(): void {
  find("#add-partner").addEventListener("click", () => openForm(null));
  find("#partner-search").addEventListener("input", drawPartners);
  find("#reload-partners").addEventListener("click", () => void loadPartners());
  startForm({ exists: (id) => partners.some((partner) => partner.id === id), reload: loadPartners });
}

/** Reads the list from the service. */
export async function loadPartners(): Promise<void> {
  try {
    ({ partners } = (await ask("GET", "/_ts/admin/partners")) as { partners: ListedPartner[] });
    setPartnersFault("");
  } catch (error) {
    setPartnersFault(sentence(error));
  }
  drawPartners();
}

/** Empties the list. */
export function clearPartners(): void {
  partners = [];
  find<HTMLInputElement>("#partner-search").value = "";
  drawPartners();
}

function setPartnersFault(text: string): void {
  find("#partners-fault").textContent = text;
}

function drawPartners(): void {
  const wanted = find<HTMLInputElement>("#partner-search").value.trim().toLowerCase();
  const fitting = partners.filter(({ id, name }) => `${id} ${name}`.toLowerCase().includes(wanted));
  const shown = fitting.slice(0, MAX_PARTNERS_SHOWN);
  find("#partners tbody").replaceChildren(...shown.map(partnerRow));
  find("#partners").hidden = shown.length === 0;
  const left = fitting.length - shown.length;
  find("#partners-note").textContent =
    partners.length === 0
      ? "There are no partners yet."
      : shown.length === 0
        ? "No partner matches the search."
        : left > 0
          ? `${formatNumber(left)} more partners match: narrow the search.`
          : "";
}

/** A cell. @param title the column's title on a small screen */
function cell(title: string | null, ...content: (Node | string)[]): HTMLElement {
  return el("td", { role: "cell", "data-title": title }, ...content);
}

function partnerRow(partner: ListedPartner): HTMLElement {
  const { id, name, source, bidstream_enabled, pull_sync_enabled, pull_sync_url } = partner;
  const pulls = pull_sync_enabled && pull_sync_url !== null;
  return el(
    "tr",
    { role: "row" },
    el("th", { role: "rowheader", scope: "row" }, name, el("code", {}, id)),
    cell("pull", pulls ? `from ${new URL(pull_sync_url).host}` : el("small", {}, "no")),
    cell("bid stream", bidstream_enabled ? String(partner.source_domain) : el("small", {}, "no")),
    cell("API key", keysOf(partner)),
    source === "configuration"
      ? cell(null, el("small", {}, "in the configuration: change it there"))
      : cell(null, actionsFor(partner)),
  );
}

function keysOf({ has_api_key, has_previous_api_key }: ListedPartner): Node | string {
  if (!has_api_key) return el("small", {}, "none");
  return has_previous_api_key ? "yes, and the previous" : "yes";
}

function actionsFor(partner: ListedPartner): HTMLElement {
  const { id, has_api_key, has_previous_api_key } = partner;
  const act = (label: string, run: () => Promise<void> | void, attributes = {}) =>
    button(label, { "aria-label": `${label}: ${id}`, ...attributes }, () => void run());
  return el(
    "span",
    { class: "row-actions" },
    act("Edit", () => openForm(partner)),
    act(has_api_key ? "Rotate key" : "Make a key", () => rotate(partner)),
    has_previous_api_key ? act("End previous key", () => endPrevious(partner)) : null,
    act("Remove", () => remove(partner), { class: "danger" }),
  );
}

/** Makes a new key. The current one stays valid beside it, so that the partner can change over without an outage. */
async function rotate({ id, has_api_key, has_previous_api_key }: ListedPartner): Promise<void> {
  const older = has_previous_api_key ? " The previous key stops working at once." : "";
  const text = `The current key of ${id} works beside the new one until you end it.${older}`;
  if (has_api_key && !(await confirmed(`Rotate the key of ${id}?`, text, "Rotate it"))) return;
  const key = newKey();
  const kept = has_api_key ? { keep_api_key: true } : {};
  try {
    await ask("POST", "/_ts/admin/partners/register", { id, api_key: key, ...kept });
  } catch (error) {
    return setPartnersFault(sentence(error));
  }
  await showKey(id, key);
  announce(`${id} has a new key.`);
  await loadPartners();
}

async function endPrevious({ id }: ListedPartner): Promise<void> {
  const text = "Uploads with the previous key fail at once. Uploads with the current key go on.";
  if (!(await confirmed(`End the previous key of ${id}?`, text, "End it"))) return;
  try {
    await ask("POST", "/_ts/admin/partners/register", { id, previous_api_key_hash: null });
    announce(`The previous key of ${id} has ended.`);
  } catch (error) {
    setPartnersFault(sentence(error));
  }
  await loadPartners();
}

async function remove({ id }: ListedPartner): Promise<void> {
  const text =
    "Its key stops working and its ids are not pulled any more. Its ids stay in the graph until their entries expire.";
  if (!(await confirmed(`Remove ${id}?`, text, "Remove it"))) return;
  try {
    await ask("DELETE", `/_ts/admin/partners/${encodeURIComponent(id)}`);
    announce(`${id} is removed.`);
  } catch (error) {
    setPartnersFault(sentence(error));
  }
  await loadPartners();
}
