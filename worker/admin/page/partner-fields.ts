/** The fields of a partner's record as the form shows them, by their names in the API. */

/** One field. `initial` is what a new partner has unless something else is entered: the service's own default. */
export type PartnerField = { name: string; label: string; hint?: string } & (
  | { kind: "text" | "secret"; initial: null }
  | { kind: "number"; initial: number }
  | { kind: "flag"; initial: boolean }
  | { kind: "list"; initial: readonly string[] }
);

/** What a field holds, as the API takes it. */
export type FieldValue = string | number | boolean | readonly string[] | null;

/** Some fields that belong together. */
export interface FieldGroup {
  title: string;
  fields: readonly PartnerField[];
}

const perHour = "for each EC hash, in any hour";

/** All fields but the key, which is made and shown, never entered. */
export const FIELD_GROUPS: readonly FieldGroup[] = [
  {
    title: "Who it is",
    fields: [
      {
        name: "id",
        label: "Id",
        kind: "text",
        initial: null,
        hint: "1 to 32 of a–z, 0–9, _ and -. It names the partner for good.",
      },
      { name: "name", label: "Name", kind: "text", initial: null, hint: "For people; the id if left empty." },
    ],
  },
  {
    title: "Pull sync: we ask it",
    fields: [
      { name: "pull_sync_enabled", label: "Pull ids from this partner", kind: "flag", initial: false },
      {
        name: "pull_sync_url",
        label: "Pull URL",
        kind: "text",
        initial: null,
        hint: "https, on one of the allowed hosts.",
      },
      {
        name: "pull_sync_allowed_domains",
        label: "Allowed hosts",
        kind: "list",
        initial: [],
        hint: "One a line, such as ids.example.com.",
      },
      {
        name: "pull_token",
        label: "Token we send",
        kind: "secret",
        initial: null,
        hint: "Goes to that URL only, and is never shown again.",
      },
      {
        name: "pull_sync_ttl_seconds",
        label: "Ask again after, in seconds",
        kind: "number",
        initial: 86_400,
      },
      { name: "pull_sync_rate_limit", label: "Pulls at most", kind: "number", initial: 10, hint: perHour },
      {
        name: "max_concurrent",
        label: "Requests at once",
        kind: "number",
        initial: 20,
        hint: "to its domain",
      },
      {
        name: "max_per_minute",
        label: "Requests a minute",
        kind: "number",
        initial: 1200,
        hint: "to its domain",
      },
    ],
  },
  {
    title: "Pixel and batch sync: it tells us",
    fields: [
      {
        name: "allowed_return_domains",
        label: "Hosts that pixels return to",
        kind: "list",
        initial: [],
        hint: "One a line.",
      },
      { name: "sync_rate_limit", label: "Pixels at most", kind: "number", initial: 100, hint: perHour },
      { name: "batch_rate_limit", label: "Uploads a minute", kind: "number", initial: 60 },
    ],
  },
  {
    title: "Bid stream: others are told",
    fields: [
      { name: "bidstream_enabled", label: "Hand its ids on", kind: "flag", initial: false },
      {
        name: "source_domain",
        label: "Source",
        kind: "text",
        initial: null,
        hint: "The domain that EIDs name, such as example.com.",
      },
      { name: "openrtb_atype", label: "OpenRTB atype", kind: "number", initial: 3 },
    ],
  },
];

/** What was entered for a number: the number, or the text as it is, for the service to say what is wrong with it. */
export function numberOrText(text: string): number | string {
  return /^-?\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : text;
}

/** What was entered for a list: one item a line, or between commas. */
export function listItems(text: string): string[] {
  return text.split(/[\s,]+/).filter((item) => item !== "");
}
