import { describe, expect, test } from "vitest";
import { Minter } from "../../../../runtime/ec/minting.ts";
import type { EcContext } from "../../../../runtime/ec/request/context.ts";
import { createLog, createLogOnce } from "../../../../runtime/observe/log.ts";
import { createMetrics } from "../../../../runtime/observe/metrics.ts";
import type { RateLimit, RateLimiter, TakeResult } from "../../../../runtime/platform.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const ID = `${"a".repeat(64)}.abc123`;
const ADMITTED: TakeResult = { admitted: true, remaining: 1, retryAfterMs: 0 };
const REFUSED: TakeResult = { admitted: false, remaining: 0, retryAfterMs: 1000 };
const PAGE = { method: "GET", headers: new Headers({ accept: "text/html" }) };
const visitor = (part: object = {}) =>
  ({
    consent: { allowed: true },
    activeId: null,
    client: { ip: "192.0.2.1", country: "JP", region: null },
    ...part,
  }) as EcContext;

function setUp(take: RateLimiter["take"] = () => ADMITTED) {
  const clock = manualClock();
  const log = createLog({ level: "silent", write() {}, clock });
  const metrics = createMetrics();
  const t = { limit: 1000, taken: [] as [string, RateLimit][] };
  const minter = new Minter({
    identity: { mint: () => ID },
    limiter: {
      take(key, limit) {
        t.taken.push([key, limit]);
        return take(key, limit);
      },
    },
    clock,
    log,
    logOnce: createLogOnce(log, clock, 60_000),
    metrics,
    mintPerAddressPerHour: () => t.limit,
  });
  return Object.assign(t, { minter, clock, text: () => metrics.text() });
}

describe("Minter", () => {
  test("mint returns an id at once if the limiter answers at once", () => {
    const t = setUp();
    expect(t.minter.mint(visitor(), PAGE)).toBe(ID);
    expect(t.text()).toContain("millrace_ec_minted_total 1");
  });

  test.each([
    ["consent does not allow one", visitor({ consent: { allowed: false } }), PAGE],
    ["the request has one", visitor({ activeId: ID }), PAGE],
    ["the address is not known", visitor({ client: { ip: null, country: "JP", region: null } }), PAGE],
    ["the request is no page visit", visitor(), { ...PAGE, method: "HEAD" }],
  ])("mint returns null if %s, and takes nothing", (_, context, request) => {
    const t = setUp();
    expect(t.minter.mint(context, request)).toBeNull();
    expect(t.taken).toEqual([]);
  });

  test("mint returns null for an address past its limit, and counts it", () => {
    const t = setUp(() => REFUSED);
    expect(t.minter.mint(visitor(), PAGE)).toBeNull();
    expect(t.text()).toContain("millrace_ec_mint_refused_total 1");
  });

  test("a change of the limit takes effect at the next request", () => {
    const t = setUp();
    t.minter.mint(visitor(), PAGE);
    t.limit = 5;
    t.minter.mint(visitor(), PAGE);
    expect(t.taken.map(([, { limit }]) => limit)).toEqual([1000, 5]);
    expect(new Set(t.taken.map(([key]) => key)).size).toBe(1);
  });

  test("mint waits for a remote limiter", async () => {
    expect(await setUp(async () => ADMITTED).minter.mint(visitor(), PAGE)).toBe(ID);
    expect(await setUp(async () => REFUSED).minter.mint(visitor(), PAGE)).toBeNull();
  });

  test("mint returns an id if the limiter fails or does not answer within 250 ms", async () => {
    expect(await setUp(() => Promise.reject(new Error("down"))).minter.mint(visitor(), PAGE)).toBe(ID);
    const hanging = setUp(() => new Promise(() => {}));
    const minted = hanging.minter.mint(visitor(), PAGE);
    await hanging.clock.settle(250);
    expect(await minted).toBe(ID);
  });

  test("mint returns null and does not throw if the limiter throws", () => {
    const t = setUp(() => {
      throw new Error("down");
    });
    expect(t.minter.mint(visitor(), PAGE)).toBeNull();
  });
});
