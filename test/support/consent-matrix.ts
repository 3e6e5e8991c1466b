/**
 * The whole finite space of places, signals and partners, decided by the code that decides on requests, and written as a short table
 * that says the same for each of its points.
 * @module
 */
import { partnerReason } from "../../runtime/ec/partners/partner-consent.ts";
import { decideConsent, isWithdrawal } from "../../runtime/ec/request/consent.ts";
import { consentSignals } from "../../runtime/ec/request/signals.ts";
import { POLICY } from "./consent-policy.ts";
import { gppString, type TcfChoice, tcfString } from "./consent-strings.ts";

/** When all requests of the matrix come. */
export const NOW = Date.UTC(2026, 10, 27);
/** The vendor of the partner with a `gvlId`. */
export const VENDOR = 5;
const DAY = 86_400_000;

const tcfChoices = {
  "Purpose 1, vendor": { vendors: [VENDOR] },
  "Purpose 1, no vendor": { vendors: [99] },
  "Purpose 1, vendor restricted": { vendors: [VENDOR], restricted: [VENDOR] },
  "no Purpose 1": { purposes: [2], vendors: [VENDOR] },
  expired: { vendors: [VENDOR], lastUpdatedMs: NOW - 396 * DAY },
  future: { vendors: [VENDOR], lastUpdatedMs: NOW + 2 * DAY },
  "no disclosed vendors": { vendors: [VENDOR], disclosesVendors: false },
} satisfies Record<string, TcfChoice>;

const choiceAt = (choice: TcfChoice): TcfChoice => ({ lastUpdatedMs: NOW - DAY, ...choice });
const { "Purpose 1, vendor restricted": _, ...inGpp } = tcfChoices;

/** The values of each dimension by their names, in the order of the table's columns. */
export const DIMENSIONS = {
  place: { gdpr: "FR", "us-state": "US-CA", "non-regulated": "JP", unknown: null },
  "Sec-GPC": { off: null, on: "1" },
  us_privacy: { absent: null, unreadable: "2YYN", "no opt-out": "1YNN", "opts out": "1YYN" },
  __gpp: {
    absent: null,
    unreadable: "DB-unreadable~",
    "says nothing": gppString({ saleOptOut: { usnat: 0 } }),
    "not opted out": gppString({ saleOptOut: { usnat: 2 } }),
    "opts out of sale": gppString({ saleOptOut: { usnat: 1 } }),
    "opts out of sharing": gppString({ saleOptOut: { usnat: 2 }, sharingOptOut: { usnat: 1 } }),
    "opts out of ads": gppString({ saleOptOut: { ustx: 2 }, targetedAdsOptOut: { ustx: 1 } }),
    "records GPC": gppString({ saleOptOut: { usca: 2 }, gpc: true }),
    "US Privacy, no opt-out": gppString({ usPrivacy: "1YNN" }),
    "US Privacy, opts out": gppString({ usPrivacy: "1YYN" }),
    ...Object.fromEntries(
      Object.entries(inGpp).map(([name, choice]) => [`TCF: ${name}`, gppString({ tcf: choiceAt(choice) })]),
    ),
  },
  __gpp_sid: { absent: null, "in force": "2,6,7,8,16", "none in force": "-1" },
  "euconsent-v2": {
    absent: null,
    unreadable: "CP-unreadable",
    ...Object.fromEntries(
      Object.entries(tcfChoices).map(([name, choice]) => [name, tcfString(choiceAt(choice))]),
    ),
  },
} as const satisfies Record<string, Record<string, string | null>>;

export type Dimension = keyof typeof DIMENSIONS;
export const COLUMNS = Object.keys(DIMENSIONS) as Dimension[];
/** A name of a value for each dimension. */
export type Point = Readonly<Record<Dimension, string>>;

/** The value of a point in one dimension. */
export function valueAt(point: Point, dimension: Dimension): string | null {
  return (DIMENSIONS[dimension] as Record<string, string | null>)[point[dimension]]!;
}

/** The names of the results, the last columns of the table. */
export const RESULTS = [
  "reason",
  "an id that exists",
  "with explicit",
  "vendor",
  "vendorless allow",
  "vendorless deny",
];

/** What is decided at one point, in the order of {@link RESULTS}. */
export function decideAt(point: Point): string[] {
  const [country = null, region = null] = valueAt(point, "place")?.split("-") ?? [];
  const signals = consentSignals({
    tcf: valueAt(point, "euconsent-v2"),
    gpp: valueAt(point, "__gpp"),
    gppSid: valueAt(point, "__gpp_sid"),
    usPrivacy: valueAt(point, "us_privacy"),
    gpc: valueAt(point, "Sec-GPC") !== null,
  });
  const consent = decideConsent(signals, { country, region }, POLICY, NOW);
  const at = { nowMs: NOW, maxAgeDays: POLICY.maxAgeDays };
  const existing = (withdrawal: "any" | "explicit") =>
    consent.allowed ? "stays" : isWithdrawal({ ...consent, withdrawal }) ? "withdrawn" : "hidden";
  return [
    consent.reason,
    existing("any"),
    existing("explicit"),
    partnerReason(consent, VENDOR, "deny", at),
    partnerReason(consent, null, "allow", at),
    partnerReason(consent, null, "deny", at),
  ];
}

/** Every point of the space. */
export function* points(): Generator<Point> {
  const values = COLUMNS.map((column) => Object.keys(DIMENSIONS[column]));
  const count = values.reduce((product, names) => product * names.length, 1);
  for (let n = 0; n < count; n++) {
    let rest = n;
    const entries = COLUMNS.map((column, index) => {
      const names = values[index]!;
      const name = names[rest % names.length]!;
      rest = Math.floor(rest / names.length);
      return [column, name];
    });
    yield Object.fromEntries(entries) as Point;
  }
}

/** The rows below one choice of the first dimensions. Values with the same rows share theirs. */
function rowsBelow(chosen: Partial<Point>, dimensions: readonly Dimension[]): string[][] {
  const [dimension, ...others] = dimensions;
  if (dimension === undefined) return [decideAt(chosen as Point)];
  const groups = new Map<string, { names: string[]; rows: string[][] }>();
  for (const name of Object.keys(DIMENSIONS[dimension])) {
    const rows = rowsBelow({ ...chosen, [dimension]: name }, others);
    const key = JSON.stringify(rows);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { names: [name], rows });
    else group.names.push(name);
  }
  return [...groups.values()].flatMap(({ names, rows }) =>
    rows.map((row) => [named(names, Object.keys(DIMENSIONS[dimension])), ...row]),
  );
}

/** A cell for some of a dimension's values: the shorter of a list and a list of exceptions. */
function named(names: readonly string[], all: readonly string[]): string {
  if (names.length === all.length) return "any";
  const others = all.filter((name) => !names.includes(name));
  return others.length < names.length ? `any but ${others.join("; ")}` : names.join("; ");
}

/** Whether a cell of the table has a value. */
export function cellHas(cell: string, name: string): boolean {
  if (cell === "any") return true;
  const isExcept = cell.startsWith("any but ");
  return (isExcept ? cell.slice(8) : cell).split("; ").includes(name) !== isExcept;
}

/** The page of the documentation. */
export function matrixPage(): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const heads = [...COLUMNS, ...RESULTS];
  const rows = rowsBelow({}, COLUMNS);
  const count = COLUMNS.reduce((product, column) => product * Object.keys(DIMENSIONS[column]).length, 1);
  return `# The consent matrix

Every combination of place, signals and partner, and what is decided: ${count.toLocaleString("en")} combinations in ${rows.length} rows. Each combination
is in exactly one row. The table is written by \`npm run consent-matrix -- --write\`, from the code that decides; a test compares them.
[The rules in words](request-life.md#2-may-there-be-an-id) say what the reasons mean.

"an id that exists" is withdrawn, stays, or is hidden: it stays, and the response does not show it. "with explicit" is the same under
\`consent.withdrawal: "explicit"\`. The last three columns are partners: one with a \`gvlId\`, and one without under either
\`consent.vendorless\`.

${[line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n")}
`;
}
