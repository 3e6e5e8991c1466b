/** The form that adds or edits a partner. */
import { ask, Refusal, sentence } from "../../../admin/page/api.ts";
import { announce } from "../../../admin/page/dialogs.ts";
import { el, find } from "../../../admin/page/dom.ts";
import { newKey, showKey } from "./api-key.ts";
import defaults from "./partner-defaults.build.ts";
import {
  FIELD_GROUPS,
  type FieldValue,
  listItems,
  numberOrText,
  type PartnerField,
} from "./partner-fields.ts";

/** A partner as the API lists it. */
export interface ListedPartner extends Record<string, FieldValue> {
  id: string;
  name: string;
  source: "configuration" | "registered";
  has_api_key: boolean;
  has_previous_api_key: boolean;
  has_pull_token: boolean;
  bidstream_enabled: boolean;
  pull_sync_enabled: boolean;
  pull_sync_url: string | null;
}

/** What the form needs of the list beside it. */
interface PartnerList {
  /** Whether a partner has this id. */
  exists(id: string): boolean;
  reload(): Promise<void>;
}

let list: PartnerList;
/** The partner that is edited; `null` for a new one. */
let edited: ListedPartner | null = null;

/** Adds the form's listeners. */
export function startForm(of: PartnerList): void {
  list = of;
  find("#partner-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void save();
  });
  find("#cancel-partner").addEventListener("click", () => find<HTMLDialogElement>("#partner-dialog").close());
}

const inputId = (name: string) => `partner-${name}`;
const inputOf = (name: string) => find<HTMLInputElement>(`#${inputId(name)}`);

/** Opens the form. @param partner the partner to edit; `null` for a new one */
export function openForm(partner: ListedPartner | null): void {
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

/** A label, the input, its hint, and a place for its error. */
function fieldRow(field: PartnerField, partner: ListedPartner | null): HTMLElement {
  const { name, label, kind } = field;
  const id = inputId(name);
  const keepsToken = kind === "secret" && partner?.has_pull_token === true;
  const hint = keepsToken ? "Leave it empty to keep the token." : field.hint;
  const about = { id, "aria-describedby": hint === undefined ? `${id}-fault` : `${id}-hint ${id}-fault` };
  const value = partner?.[name] ?? defaults[name] ?? null;
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
  return el("label", { class: "inline" }, box, " Remove the token");
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
  // Not a number input: the service explains what is wrong with a number.
  const input = el("input", {
    ...plain,
    type: kind === "secret" ? "password" : "text",
    ...(kind === "number" ? { inputmode: "numeric" } : {}),
    ...(kind === "secret" ? { autocomplete: "new-password" } : {}),
  });
  input.value = value === null ? "" : String(value);
  return input;
}

/** The entered value as the API accepts it; `undefined` leaves the stored value unchanged. */
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
  if (isNew && list.exists(id)) {
    return showFaults([{ field: "id", reason: "another partner has this id; edit that partner instead" }]);
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
  await list.reload();
}

function setFormFault(text: string): void {
  find("#form-fault").textContent = text;
}

/** Shows each fault at its field, and moves the focus to the first. */
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
  const others = faults.filter(({ field }) => !names.includes(field.replace(/\[\d+\].*$/, "")));
  if (others.length > 0) {
    setFormFault(others.map(({ field, reason }) => `${field}: ${reason}`).join("; "));
  }
  const first = names.find((name) => byField.has(name));
  if (first !== undefined) inputOf(first).focus();
}
