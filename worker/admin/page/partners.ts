/** The partners: a list, a form to add or edit one, a new key for one, and removal. */
import { ask, Refusal, sentence } from "./api.ts";
import { announce, confirmed, newKey, showKey } from "./dialogs.ts";
import { button, el, find } from "./dom.ts";
import { formatNumber } from "./numbers.ts";
import {
  FIELD_GROUPS,
  type FieldValue,
  listItems,
  numberOrText,
  type PartnerField,
} from "./partner-fields.ts";

/** A partner as the API lists it. */
interface ListedPartner extends Record<string, FieldValue> {
  id: string;
  name: string;
  source: "configuration" | "registered";
  has_api_key: boolean;
  has_pull_token: boolean;
  bidstream_enabled: boolean;
  pull_sync_enabled: boolean;
  pull_sync_url: string | null;
}

/** More rows than these are not drawn; the search finds the others. */
const MAX_PARTNERS_SHOWN = 100;

let partners: ListedPartner[] = [];
/** The partner that the form is about; `null`: a new one. */
let edited: ListedPartner | null = null;

/** Makes the section work. */
export function startPartners(): void {
  find("#add-partner").addEventListener("click", () => openForm(null));
  find("#partner-search").addEventListener("input", drawPartners);
  find("#reload-partners").addEventListener("click", () => void loadPartners());
  find("#partner-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void save();
  });
  find("#cancel-partner").addEventListener("click", () => find<HTMLDialogElement>("#partner-dialog").close());
}

/** Reads the list anew. */
export async function loadPartners(): Promise<void> {
  try {
    ({ partners } = (await ask("GET", "/_ts/admin/partners")) as { partners: ListedPartner[] });
    setPartnersFault("");
  } catch (error) {
    setPartnersFault(sentence(error));
  }
  drawPartners();
}

/** Forgets the list. */
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
        ? "No partner fits the search."
        : left > 0
          ? `And ${formatNumber(left)} more: narrow the search.`
          : "";
}

/** A cell that says on a small screen which column it is of. */
function cell(title: string | null, ...content: (Node | string)[]): HTMLElement {
  return el("td", { role: "cell", "data-title": title }, ...content);
}

function partnerRow(partner: ListedPartner): HTMLElement {
  const { id, name, source, has_api_key, bidstream_enabled, pull_sync_enabled, pull_sync_url } = partner;
  const pulls = pull_sync_enabled && pull_sync_url !== null;
  return el(
    "tr",
    { role: "row" },
    el("th", { role: "rowheader", scope: "row" }, name, el("code", {}, id)),
    cell("pull", pulls ? `from ${new URL(pull_sync_url).host}` : el("small", {}, "no")),
    cell("bid stream", bidstream_enabled ? String(partner.source_domain) : el("small", {}, "no")),
    cell("API key", has_api_key ? "yes" : el("small", {}, "none")),
    source === "configuration"
      ? cell("from", el("small", {}, "the configuration, and changed only there"))
      : cell(null, actionsFor(partner)),
  );
}

function actionsFor(partner: ListedPartner): HTMLElement {
  const { id, has_api_key } = partner;
  const act = (label: string, run: () => Promise<void> | void, attributes = {}) =>
    button(label, { "aria-label": `${label}: ${id}`, ...attributes }, () => void run());
  return el(
    "span",
    { class: "row-actions" },
    act("Edit", () => openForm(partner)),
    act(has_api_key ? "Rotate key" : "Make a key", () => rotate(partner)),
    act("Remove", () => remove(partner), { class: "danger" }),
  );
}

async function rotate({ id, has_api_key }: ListedPartner): Promise<void> {
  const text = `The present key of ${id} is worth nothing from that moment on: its uploads fail until it has the new one.`;
  if (has_api_key && !(await confirmed(`Rotate the key of ${id}?`, text, "Rotate it"))) return;
  const key = newKey();
  try {
    await ask("POST", "/_ts/admin/partners/register", { id, api_key: key });
  } catch (error) {
    return setPartnersFault(sentence(error));
  }
  await showKey(id, key);
  announce(`${id} has a new key.`);
  await loadPartners();
}

async function remove({ id }: ListedPartner): Promise<void> {
  const text = `Its key stops working, and it is not asked any more. Ids that it gave stay in the graph until their entries go.`;
  if (!(await confirmed(`Remove ${id}?`, text, "Remove it"))) return;
  try {
    await ask("DELETE", `/_ts/admin/partners/${encodeURIComponent(id)}`);
    announce(`${id} is removed.`);
  } catch (error) {
    setPartnersFault(sentence(error));
  }
  await loadPartners();
}

// The form

const inputId = (name: string) => `partner-${name}`;
const inputOf = (name: string) => find<HTMLInputElement>(`#${inputId(name)}`);

function openForm(partner: ListedPartner | null): void {
  edited = partner;
  find("#partner-title").textContent = partner === null ? "Add a partner" : `Edit ${partner.name}`;
  find("#partner-fields").replaceChildren(
    ...FIELD_GROUPS.map(({ title, fields }) =>
      el("fieldset", {}, el("legend", {}, title), ...fields.map((field) => fieldRow(field, partner))),
    ),
    ...(partner === null ? [keyChoice()] : []),
  );
  setFormFault("");
  const dialog = find<HTMLDialogElement>("#partner-dialog");
  dialog.showModal();
  dialog.scrollTop = 0;
  inputOf(partner === null ? "id" : "name").focus();
}

function keyChoice(): HTMLElement {
  const box = el("input", { id: inputId("make_key"), type: "checkbox" });
  box.checked = true;
  const label = el("label", { for: inputId("make_key") }, "Make an API key for its uploads, shown once");
  return el("fieldset", {}, el("legend", {}, "Key"), el("div", { class: "field flag" }, box, label));
}

/** A label, the input, what to know of it, and a place for what is wrong with it. */
function fieldRow(field: PartnerField, partner: ListedPartner | null): HTMLElement {
  const { name, label, kind } = field;
  const id = inputId(name);
  const keepsToken = kind === "secret" && partner?.has_pull_token === true;
  const hint = keepsToken ? "Left empty, the token stays as it is." : field.hint;
  const about = { id, "aria-describedby": hint === undefined ? `${id}-fault` : `${id}-hint ${id}-fault` };
  const value = partner?.[name] ?? field.initial;
  const input = inputFor(field, value, { ...about, readonly: name === "id" && partner !== null });
  return el(
    "div",
    { class: `field ${kind}` },
    ...(kind === "flag"
      ? [input, el("label", { for: id }, label)]
      : [el("label", { for: id }, label), input]),
    hint === undefined ? null : el("small", { id: `${id}-hint` }, hint),
    keepsToken ? dropToken() : null,
    el("p", { class: "fault", id: `${id}-fault` }),
  );
}

function dropToken(): HTMLElement {
  const box = el("input", { id: inputId("drop_token"), type: "checkbox" });
  return el("label", { class: "inline" }, box, " Forget the token");
}

function inputFor({ kind }: PartnerField, value: FieldValue, attributes: Record<string, string | boolean>) {
  const plain = { ...attributes, autocomplete: "off", spellcheck: "false", autocapitalize: "none" };
  if (kind === "list") {
    const area = el("textarea", { ...plain, rows: 2 });
    area.value = (value as readonly string[]).join("\n");
    return area;
  }
  if (kind === "flag") {
    const box = el("input", { ...attributes, type: "checkbox" });
    box.checked = value === true;
    return box;
  }
  // Not the browser's own number field: what is wrong with a number, the service says.
  const input = el("input", {
    ...plain,
    type: kind === "secret" ? "password" : "text",
    ...(kind === "number" ? { inputmode: "numeric" } : {}),
    ...(kind === "secret" ? { autocomplete: "new-password" } : {}),
  });
  input.value = value === null ? "" : String(value);
  return input;
}

/** What the form holds, as the API takes it; `undefined`: as it was. */
function entered({ name, kind }: PartnerField): FieldValue | undefined {
  const input = inputOf(name);
  const text = input.value.trim();
  if (kind === "flag") return input.checked;
  if (kind === "list") return listItems(text);
  if (kind === "number") return numberOrText(text);
  if (kind === "secret") {
    const isDropped = find("#partner-fields").querySelector<HTMLInputElement>(
      `#${inputId("drop_token")}`,
    )?.checked;
    return text !== "" ? text : isDropped ? null : undefined;
  }
  if (text === "" && name === "name") return undefined;
  return text === "" && name !== "id" ? null : text;
}

async function save(): Promise<void> {
  const fields = FIELD_GROUPS.flatMap((group) => group.fields);
  const isNew = edited === null;
  const record: Record<string, FieldValue | undefined> = Object.fromEntries(
    fields.map((field) => [field.name, entered(field)]),
  );
  const key = isNew && inputOf("make_key").checked ? newKey() : undefined;
  showFaults([]);
  const id = String(record.id);
  if (isNew && partners.some((partner) => partner.id === id)) {
    return showFaults([{ field: "id", reason: "another partner has this id; edit that one instead" }]);
  }
  try {
    await ask("POST", "/_ts/admin/partners/register", { ...record, api_key: key });
  } catch (error) {
    const faults = error instanceof Refusal ? error.faults : [];
    if (faults.length === 0) setFormFault(sentence(error));
    return showFaults(faults);
  }
  find<HTMLDialogElement>("#partner-dialog").close();
  if (key !== undefined) await showKey(id, key);
  announce(isNew ? `${id} is added.` : `${id} is saved.`);
  await loadPartners();
}

function setFormFault(text: string): void {
  find("#form-fault").textContent = text;
}

/** Puts each fault at its field, and leads to the first. */
function showFaults(faults: Refusal["faults"]): void {
  const byField = new Map<string, string[]>();
  for (const { field, reason } of faults) {
    const name = field.replace(/\[\d+\].*$/, "");
    byField.set(name, [...(byField.get(name) ?? []), reason]);
  }
  const names = FIELD_GROUPS.flatMap(({ fields }) => fields.map(({ name }) => name));
  for (const name of names) {
    const reasons = byField.get(name) ?? [];
    find(`#${inputId(name)}-fault`).textContent = reasons
      .map((reason) => sentence(reason.replace(/^null;/, "nothing;")))
      .join(" ");
    const input = inputOf(name);
    if (reasons.length === 0) input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
  }
  const homeless = faults.filter(({ field }) => !names.includes(field.replace(/\[\d+\].*$/, "")));
  if (homeless.length > 0) {
    setFormFault(homeless.map(({ field, reason }) => `${field}: ${reason}`).join("; "));
  }
  const first = names.find((name) => byField.has(name));
  if (first !== undefined) inputOf(first).focus();
}
