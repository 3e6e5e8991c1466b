/** The consent matrix: the whole space of places, signals and partners, enumerated. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { createMayShare } from "../../../runtime/ec/partners/partner-consent.ts";
import { allowsEcCreation, decideConsent, isWithdrawal } from "../../../runtime/ec/request/consent.ts";
import { readCookies } from "../../../runtime/ec/request/cookie.ts";
import { readConsentSignals, SIGNAL_COOKIES } from "../../../runtime/ec/request/signals.ts";
import {
  COLUMNS,
  cellHas,
  DIMENSIONS,
  matrixPage,
  NOW,
  type Point,
  points,
  RESULTS,
  VENDOR,
  valueAt,
} from "../../support/consent-matrix.ts";
import { POLICY } from "../../support/consent-policy.ts";
import { root } from "../../support/spawn.ts";

const page = readFileSync(join(root, "docs/edge-cookie/consent-matrix.md"), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .slice(2)
  .map((line) => line.slice(2, -2).split(" | "));

const COOKIES = ["us_privacy", "__gpp", "__gpp_sid", "euconsent-v2"] as const;

/** What the service decides on a request with these cookies and header. */
function asRequest(point: Point) {
  const header = COOKIES.flatMap((name) => {
    const value = valueAt(point, name);
    return value === null ? [] : [`${name}=${value}`];
  }).join("; ");
  const at = { nowMs: NOW, maxAgeDays: POLICY.maxAgeDays };
  const signals = readConsentSignals(readCookies(header, SIGNAL_COOKIES), valueAt(point, "Sec-GPC"), at);
  const [country = null, region = null] = valueAt(point, "place")?.split("-") ?? [];
  return decideConsent(signals, { country, region }, POLICY, NOW);
}

/** Whether the vendor may have the id, in words of what the visitor said. */
function vendorMay({ place, __gpp, "euconsent-v2": tcf }: Point, allowed: boolean): boolean {
  if (!allowed || place !== "gdpr") return allowed;
  const said = [tcf, __gpp.startsWith("TCF: ") ? __gpp.slice(5) : "absent"];
  return said.includes("Purpose 1, vendor") && !said.some((each) => /no vendor|restricted/.test(each));
}

describe("the consent matrix of the documentation", () => {
  test("is what the code writes", () => {
    expect(page).toBe(matrixPage());
  });

  describe("has each point of the space in exactly one row, which says what a request gets", () => {
    const wrong: string[] = [];
    let seen = 0;
    const verdicts = { vendor: new Set<boolean>(), allow: new Set<boolean>(), deny: new Set<boolean>() };

    beforeAll(() => {
      const share = (vendorless: "allow" | "deny") =>
        createMayShare({ policy: { ...POLICY, vendorless } }, { hasVendors: () => true });
      const [allow, deny] = [share("allow"), share("deny")];
      for (const point of points()) {
        seen++;
        const fitting = rows.filter((row) =>
          COLUMNS.every((column, index) => cellHas(row[index]!, point[column])),
        );
        const consent = asRequest(point);
        const allowed = allowsEcCreation(consent);
        const context = { consent, nowMs: NOW };
        const may = {
          vendor: deny({ gvlId: VENDOR }, context),
          allow: allow({ gvlId: null }, context),
          deny: deny({ gvlId: null }, context),
        };
        for (const name of ["vendor", "allow", "deny"] as const) verdicts[name].add(may[name]);
        const permitted = (reason: string) =>
          /^(?:gdpr_does_not_apply|vendor_consent|vendorless_allowed)$/.test(reason);
        const [reason, existing, explicit, ...partners] = fitting[0]?.slice(COLUMNS.length) ?? [];
        const isRight =
          fitting.length === 1 &&
          reason === consent.reason &&
          (existing === "stays") === allowed &&
          (existing === "withdrawn") === (!allowed && isWithdrawal({ ...consent, withdrawal: "any" })) &&
          (explicit === "withdrawn") === (!allowed && isWithdrawal({ ...consent, withdrawal: "explicit" })) &&
          partners.map(permitted).join() === [may.vendor, may.allow, may.deny].join() &&
          may.vendor === vendorMay(point, allowed) &&
          may.allow === allowed &&
          may.deny === (allowed && point.place !== "gdpr");
        if (!isRight) wrong.push(JSON.stringify([point, fitting, consent.reason, may]));
      }
    });

    test("all of them", () => {
      const sizes = COLUMNS.map((column) => Object.keys(DIMENSIONS[column]).length);
      expect(seen).toBe(sizes.reduce((product, size) => product * size, 1));
      expect(RESULTS).toHaveLength(6);
      expect(wrong.slice(0, 3)).toEqual([]);
      for (const each of Object.values(verdicts)) expect(each.size).toBe(2);
    });
  });
});
