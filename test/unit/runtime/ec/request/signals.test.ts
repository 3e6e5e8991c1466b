import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { decideConsent } from "../../../../../runtime/ec/request/consent.ts";
import { readCookies } from "../../../../../runtime/ec/request/cookie.ts";
import { evidenceOf } from "../../../../../runtime/ec/request/evidence.ts";
import {
  consentSignals,
  readConsentSignals,
  SIGNAL_COOKIES,
  Signal,
} from "../../../../../runtime/ec/request/signals.ts";
import { readTcf } from "../../../../../runtime/ec/request/tcf.ts";
import { POLICY } from "../../../../support/consent-policy.ts";
import { tcfString } from "../../../../support/consent-strings.ts";

// Test files of one worker share modules. This file loads them again with its spies, and so does the file after it.
vi.hoisted(() => vi.resetModules());
afterAll(() => void vi.resetModules());
vi.mock("../../../../../runtime/ec/request/tcf.ts", { spy: true });
const decoded = vi.mocked(readTcf);

const NOW = Date.UTC(2026, 5, 1);
const GERMANY = { country: "DE", region: null };
const JAPAN = { country: "JP", region: null };
const read = (cookies: string) =>
  readConsentSignals(readCookies(cookies, SIGNAL_COOKIES), null, { nowMs: NOW, maxAgeDays: 395 });

beforeEach(() => {
  decoded.mockClear();
});

describe("readConsentSignals", () => {
  const newer = tcfString({ lastUpdatedMs: NOW - 1000 });
  const older = tcfString({ lastUpdatedMs: NOW - 86_400_000 });

  test("decodes a TC string once for the decision and the evidence", () => {
    const signals = read(`euconsent-v2=${newer}`);
    expect(decideConsent(signals, GERMANY, POLICY, NOW).reason).toBe("tcf_purpose1");
    expect(evidenceOf(signals, (text) => `hash of ${text}`)).toEqual({ tcf: `hash of ${newer}` });
    expect(decoded).toHaveBeenCalledTimes(1);
  });

  test("decodes each of several TC strings once, to choose one of them", () => {
    const signals = read(`euconsent-v2=${older}; euconsent-v2=${newer}`);
    expect(decideConsent(signals, GERMANY, POLICY, NOW).reason).toBe("tcf_purpose1");
    expect(signals.raw.tcf).toBe(newer);
    expect(decoded).toHaveBeenCalledTimes(2);
  });

  test("decodes no TC string where no rules need one", () => {
    decideConsent(read(`euconsent-v2=${newer}`), JAPAN, POLICY, NOW);
    expect(decoded).not.toHaveBeenCalled();
  });

  test("returns one value for all requests without signals", () => {
    expect(read("theme=dark")).toBe(read(""));
    expect(consentSignals(read("").raw)).toBe(read(""));
  });
});

describe("Signal", () => {
  const upper = (text: string) => (text === "" ? null : text.toUpperCase());

  test("facts and text are read without percent-encoding, and raw is the text as it came", () => {
    const signal = new Signal("a%2Cb", upper);
    expect([signal.raw, signal.text, signal.facts]).toEqual(["a%2Cb", "a,b", "A,B"]);
  });

  test("facts and text are null for a text that cannot be read", () => {
    for (const raw of ["%", "%E0%A4%A"]) {
      const signal = new Signal(raw, upper);
      expect([signal.text, signal.facts]).toEqual([null, null]);
    }
    expect(new Signal("x", () => null).text).toBeNull();
  });
});
