import { describe, expect, test } from "vitest";
import { createLog, createLogOnce, type LogLevel } from "../../../../runtime/observe/log.ts";
import { mergeRedactions, type Redaction } from "../../../../runtime/observe/redaction.ts";
import { manualClock } from "../../../support/manual-clock.ts";

function logAt(level: LogLevel, redact?: Redaction) {
  const lines: string[] = [];
  const clock = manualClock(Date.UTC(2026, 10, 20, 12));
  const log = createLog({ level, write: (line) => lines.push(line), clock, ...(redact && { redact }) });
  return { log, lines, clock, records: () => lines.map((line) => JSON.parse(line)) };
}

describe("the log", () => {
  test("writes one JSON object per line", () => {
    const { log, lines } = logAt("info");
    log.info("started", { port: 1, nested: { list: [1n] }, text: "a\nb" });
    expect(lines).toEqual([
      '{"time":"2026-11-20T12:00:00.000Z","level":"info","message":"started","port":1,"nested":{"list":["1"]},"text":"a\\nb"}',
    ]);
  });

  test.each([
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
    ["silent", []],
  ] as const)("level %s writes %j", (level, shown) => {
    const { log, records } = logAt(level);
    for (const severity of ["debug", "info", "warn", "error"] as const) log[severity]("said");
    expect(records().map((record) => record.level)).toEqual(shown);
  });

  test("no field replaces time, level or message", () => {
    const { log, records } = logAt("info");
    log.info("said", { level: "none", message: "forged", time: "never", other: 1 });
    expect(records()).toEqual([
      { time: "2026-11-20T12:00:00.000Z", level: "info", message: "said", other: 1 },
    ]);
  });

  test("writes the name, message and cause of an error, and its stack in debug lines only", () => {
    const { log, records } = logAt("debug");
    const error = new TypeError("wrong", { cause: new Error("deeper") });
    log.error("failed", { error });
    log.debug("failed", { error });
    const [above, debug] = records();
    expect(above.error).toEqual({
      name: "TypeError",
      message: "wrong",
      cause: { name: "Error", message: "deeper" },
    });
    expect(debug.error.stack).toMatch(/log\.test/);
  });

  test("what a terminal acts on is escaped, and means the same as JSON (O13)", () => {
    const { log, lines, records } = logAt("info");
    const branch = "\u001b[31mred\u009b2J\u007f\u202egnp.exe\u2066\u200b\u2028end";
    log.info("pushed", { branch });
    expect(lines[0]).toMatch(/^[\x20-\x7e]*$/);
    expect(records()[0].branch).toBe(branch);
    log.info("pushed", { branch: "höhe 日本 🎉" });
    expect(lines[1]).toContain("höhe 日本 🎉");
  });

  test("without a redaction, a run of 64 hex digits is logged whole", () => {
    const { log, lines } = logAt("info");
    const hash = "0123456789abcdef".repeat(4);
    log.info("event", { hash });
    expect(lines[0]).toContain(hash);
  });

  test("a redaction replaces fields at any depth, and patterns anywhere in the line", () => {
    const { log, records } = logAt("info", {
      fields: ["token"],
      patterns: [{ pattern: /card-\d+/g, replacement: "card-…" }],
    });
    const error = new Error("no card-1234");
    log.info("card-12 refused", { token: "s3cr3t", nested: [{ token: { a: 1 } }], error, url: "/?c=card-9" });
    expect(records()).toMatchObject([
      {
        message: "card-… refused",
        token: "[redacted]",
        nested: [{ token: "[redacted]" }],
        error: { message: "no card-…" },
        url: "/?c=card-…",
      },
    ]);
  });

  test("mergeRedactions applies all of them", () => {
    const redaction = (field: string): Redaction => ({
      fields: [field],
      patterns: [{ pattern: new RegExp(`${field}!`, "g"), replacement: "…" }],
    });
    const { log, records } = logAt("info", mergeRedactions([redaction("one"), redaction("two")]));
    log.info("one! two! three!", { one: 1, two: 2, three: 3 });
    expect(records()).toMatchObject([
      { message: "… … three!", one: "[redacted]", two: "[redacted]", three: 3 },
    ]);
  });

  test("cuts long texts, and writes a note for fields that are not JSON", () => {
    const { log, lines, records } = logAt("info");
    log.info("long", { text: "x".repeat(1_000_000) });
    expect(lines[0]!.length).toBeLessThan(2200);
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    log.info("odd", { circular });
    expect(records()[1]).toMatchObject({ message: "odd", note: expect.stringMatching(/JSON/) });
  });
});

describe("createLogOnce", () => {
  const WINDOW = 60_000;
  const start = () => {
    const given = logAt("debug");
    return { ...given, once: createLogOnce(given.log, given.clock, WINDOW) };
  };

  test("writes the first message at once, then one count per window", () => {
    const { once, clock, records } = start();
    for (let i = 0; i < 1000; i++) once.error("store", "the store is down", { attempt: i });
    expect(records()).toMatchObject([{ level: "error", message: "the store is down", attempt: 0 }]);
    clock.advance(WINDOW);
    expect(records()).toHaveLength(2);
    expect(records()[1]).toMatchObject({ message: "the store is down", repeats: 999, windowMs: WINDOW });
    once.error("store", "the store is down");
    clock.advance(WINDOW);
    expect(records()[2]).toMatchObject({ repeats: 1 });
    clock.advance(10 * WINDOW);
    expect(records()).toHaveLength(3);
    expect(clock.waiting()).toBe(0);
  });

  test("writes the next message at once after a window without repetitions", () => {
    const { once, clock, records } = start();
    once.warn("a", "said");
    clock.advance(WINDOW);
    once.warn("a", "said");
    expect(records()).toHaveLength(2);
    expect(records()[1]).not.toHaveProperty("repeats");
  });

  test("the next message ends a window whose timer never fires", () => {
    const { log, clock, records } = logAt("debug");
    const once = createLogOnce(log, { now: clock.now, after: () => () => {} }, WINDOW);
    for (let i = 0; i < 5; i++) once.error("store", "the store is down");
    clock.advance(WINDOW - 1);
    once.error("store", "the store is down");
    expect(records()).toHaveLength(1);
    clock.advance(1);
    once.error("store", "the store is down");
    expect(records()).toHaveLength(2);
    expect(records()[1]).toMatchObject({ message: "the store is down", repeats: 6 });
    clock.advance(WINDOW);
    once.error("store", "the store is down");
    expect(records()[2]).toMatchObject({ repeats: 1 });
  });

  test("counts each key separately", () => {
    const { once, records } = start();
    once.warn("a", "first");
    once.warn("b", "second");
    once.warn("a", "first");
    expect(records().map((record) => record.message)).toEqual(["first", "second"]);
  });

  test("bounds memory for any number of keys", () => {
    const { once, lines, clock } = start();
    for (let i = 0; i < 100_000; i++) once.warn(`key ${i}`, "said");
    expect(lines.length).toBeLessThan(1100);
    expect(clock.waiting()).toBeLessThan(1100);
  });

  test("flush writes pending repetitions and leaves no timer", () => {
    const { once, clock, records } = start();
    once.warn("a", "said");
    once.warn("a", "said");
    once.warn("b", "other");
    once.flush();
    expect(records()).toHaveLength(3);
    expect(records()[2]).toMatchObject({ message: "said", repeats: 1 });
    expect(clock.waiting()).toBe(0);
  });
});
