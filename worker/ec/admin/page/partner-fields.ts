/** The fields of a partner's record as the form shows them, by their names in the API. */

/** One field of the form. */
export interface PartnerField {
  name: string;
  label: string;
  kind: "text" | "secret" | "number" | "flag" | "list";
  hint?: string;
}

/** The value of a field as the API accepts it. */
export type FieldValue = string | number | boolean | readonly string[] | null;

/** Fields with one heading. */
export interface FieldGroup {
  title: string;
  fields: readonly PartnerField[];
}

const perHour = "for each EC hash, in any hour";

/** All fields but the API key, which is generated. The defaults are in `partner-defaults.build.ts`. */
export const FIELD_GROUPS: readonly FieldGroup[] = [
  {
    title: "Identity",
    fields: [
      {
        name: "id",
        label: "Id",
        kind: "text",
        hint: "1 to 32 of a–z, 0–9, _ and -. It cannot be changed later.",
      },
      {
        name: "gvl_id",
        label: "Vendor id",
        kind: "number",
        hint: "In the IAB's Global Vendor List. Where the GDPR applies, this vendor needs consent.",
      },
      { name: "name", label: "Name", kind: "text", hint: "For people. Default: the id." },
    ],
  },
  {
    title: "Pull sync: we request ids",
    fields: [
      { name: "pull_sync_enabled", label: "Pull ids from this partner", kind: "flag" },
      { name: "pull_sync_url", label: "Pull URL", kind: "text", hint: "https, on one of the allowed hosts." },
      {
        name: "pull_sync_allowed_domains",
        label: "Allowed hosts",
        kind: "list",
        hint: "One a line, for example ids.example.com.",
      },
      {
        name: "pull_token",
        label: "Token we send",
        kind: "secret",
        hint: "Sent only to the pull URL, and never shown again.",
      },
      { name: "pull_send_ip", label: "Send the visitor's address", kind: "flag" },
      { name: "pull_sync_ttl_seconds", label: "Request again after, in seconds", kind: "number" },
      { name: "pull_sync_rate_limit", label: "Maximum pulls", kind: "number", hint: perHour },
      { name: "max_concurrent", label: "Concurrent requests", kind: "number", hint: "to its domain" },
      { name: "max_per_minute", label: "Requests a minute", kind: "number", hint: "to its domain" },
    ],
  },
  {
    title: "Pixel and batch sync: it sends ids",
    fields: [
      {
        name: "allowed_return_domains",
        label: "Hosts that pixels return to",
        kind: "list",
        hint: "One a line.",
      },
      {
        name: "pixel_url",
        label: "Its pixel",
        kind: "text",
        hint: "https; {ec}, {gdpr}, {gdpr_consent}, {gpp}, {gpp_sid} and {us_privacy} are filled in.",
      },
      { name: "sync_rate_limit", label: "Maximum pixels", kind: "number", hint: perHour },
      { name: "batch_rate_limit", label: "Uploads a minute", kind: "number" },
    ],
  },
  {
    title: "Bid stream: others get its ids",
    fields: [
      { name: "bidstream_enabled", label: "Add its ids to pages and auctions", kind: "flag" },
      {
        name: "source_domain",
        label: "Source",
        kind: "text",
        hint: "The domain in its EIDs, for example example.com.",
      },
      { name: "openrtb_atype", label: "OpenRTB atype", kind: "number" },
    ],
  },
];

/** The entered number; or the entered text, so that the service explains what is wrong with it. */
export function numberOrText(text: string): number | string {
  return /^-?\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : text;
}

/** The entered items of a list, separated by line breaks, spaces or commas. */
export function listItems(text: string): string[] {
  return text.split(/[\s,]+/).filter((item) => item !== "");
}
