import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { gppString, tcfString } from "../../../../support/consent-strings.ts";
import { type TestService, testService } from "../../../../support/service.ts";

/** A service, and how many bytes its store was given to keep. */
function setUp(): TestService & { bytes(): number } {
  const t = testService();
  let bytes = 0;
  const put = t.store.put.bind(t.store);
  t.store.put = (key, value, options) => {
    bytes += key.length + Buffer.byteLength(value) + JSON.stringify(options?.metadata ?? null).length;
    return put(key, value, options);
  };
  return Object.assign(t, { bytes: () => bytes });
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

// Safe first, section 4: consent cookies of 16 KiB that do not decode, 3,000 requests.
test("3,000 requests with consent cookies of 16 KiB that do not decode store nothing of them", async () => {
  const t = setUp();
  const { bytes: before } = await oneVisit(t, {});
  for (let i = 0; i < 3000; i++) {
    const noise = `${i}x`.repeat(4000).slice(0, 16_000);
    // One address has only so many ids.
    const client = { ip: `10.0.${i >> 8}.${i & 255}` };
    await t.ask("/", { cookies: { "euconsent-v2": noise, __gpp: noise, us_privacy: noise }, client });
  }
  await t.settled();
  // The same as for as many visitors without any cookie.
  expect(t.bytes()).toBe(before * 3001);
});

test("a string that decodes is kept as a hash of 64 characters, whatever its length", async () => {
  const tcf = `${tcfString({ lastUpdatedMs: 1_800_000_000_000 })}${".IAAA".repeat(3000)}`;
  const gpp = gppString({ saleOptOut: { usnat: 2 } });
  const { t, bytes, id } = await oneVisit(setUp(), { "euconsent-v2": tcf, __gpp: encodeURIComponent(gpp) });
  expect((await t.entry(id))?.consent).toEqual({
    tcf: sha256(tcf),
    gpp: sha256(gpp),
    ok: true,
    updated: 1_800_000_000,
  });
  expect(bytes).toBeLessThan(600);
});

test("the evidence is that of the last visit", async () => {
  const t = setUp();
  const { id } = await oneVisit(t, {});
  expect((await t.entry(id))?.consent).toEqual({ ok: true, updated: 1_800_000_000 });
  t.clock.advance(301_000);
  const tcf = tcfString({ lastUpdatedMs: 1_800_000_000_000 });
  await t.ask("/", { cookies: { "ts-ec": id, "euconsent-v2": tcf, __gpp: "garbage" } });
  await t.settled();
  expect((await t.entry(id))?.consent).toEqual({ tcf: sha256(tcf), ok: true, updated: 1_800_000_301 });
});

test("a string whose date does not count is evidence, too", async () => {
  const tcf = tcfString({ purposes: [2], lastUpdatedMs: Date.UTC(2020, 1, 1) });
  const { t, id } = await oneVisit(setUp(), { "euconsent-v2": tcf });
  expect((await t.entry(id))?.consent.tcf).toBe(sha256(tcf));
});

/** The first visit of a visitor: their id, and the bytes that were stored for it. */
async function oneVisit<T extends ReturnType<typeof setUp>>(t: T, cookies: Record<string, string>) {
  const before = t.bytes();
  const id = (await t.ask("/", { cookies })).headers.get("x-ts-ec")!;
  await t.settled();
  return { t, id, bytes: t.bytes() - before };
}
