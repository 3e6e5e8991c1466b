/** The timeouts and retries of the client of Redis, on a manual clock and a fake client library. */
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { connectRedis } from "../../../../runtime/stores/redis.ts";
import { manualClock } from "../../../support/manual-clock.ts";

// Test files of one worker share modules. This file loads them again with its fake, and so does the file after it.
vi.hoisted(() => vi.resetModules());
afterAll(() => void vi.resetModules());

/** What the fake server does. */
const server = vi.hoisted(() => ({
  connects: 0,
  connect: async () => {},
  answer: async (_args: string[]): Promise<unknown> => "OK",
}));

vi.mock("@redis/client", () => ({
  createClient: () => ({
    connect() {
      server.connects++;
      return server.connect();
    },
    sendCommand: (args: string[]) =>
      args[0] === "HELLO" ? Promise.resolve({ mode: "standalone", role: "master" }) : server.answer(args),
    on() {},
    destroy() {},
  }),
}));

const silence = () => new Promise<never>(() => {});

beforeEach(() => {
  server.connects = 0;
  server.connect = async () => {};
  server.answer = async () => "OK";
});

function start() {
  const clock = manualClock();
  const redis = connectRedis({ url: "redis://127.0.0.1:1", timeoutMs: 1000, clock });
  /** The outcome of one command, if it has settled. */
  function ask() {
    const asked: { outcome: unknown } = { outcome: "pending" };
    redis.send("GET", "key").then(
      (answer) => {
        asked.outcome = answer;
      },
      (error: Error) => {
        asked.outcome = error.message;
      },
    );
    return asked;
  }
  return { clock, redis, ask };
}

test("a command of a silent server rejects after the timeout, not before", async () => {
  const { clock, ask } = start();
  server.answer = silence;
  const asked = ask();
  await clock.settle(0);
  await clock.settle(999);
  expect(asked.outcome).toBe("pending");
  await clock.settle(1);
  expect(asked.outcome).toMatch(/no answer within 1000 ms/);
});

test("an attempt to connect has the same timeout", async () => {
  const { clock, ask } = start();
  server.connect = silence;
  const asked = ask();
  await clock.settle(0);
  await clock.settle(999);
  expect(asked.outcome).toBe("pending");
  await clock.settle(1);
  expect(asked.outcome).toMatch(/no answer within 1000 ms/);
});

test("after a failed attempt to connect, operations fail at once for 250 ms, then the next one tries again", async () => {
  const { clock, ask } = start();
  server.connect = () => Promise.reject(new Error("ECONNREFUSED"));
  const first = ask();
  await clock.settle(0);
  await clock.settle(249);
  const second = ask();
  await clock.settle(0);
  expect([first.outcome, second.outcome, server.connects]).toEqual([
    expect.stringMatching(/ECONNREFUSED/),
    expect.stringMatching(/ECONNREFUSED/),
    1,
  ]);
  await clock.settle(1);
  server.connect = async () => {};
  const third = ask();
  await clock.settle(0);
  await clock.settle(0);
  expect([third.outcome, server.connects]).toEqual(["OK", 2]);
});

test("a command that times out opens another connection", async () => {
  const { clock, ask } = start();
  server.answer = silence;
  const asked = ask();
  await clock.settle(0);
  await clock.settle(1000);
  await clock.settle(0);
  expect(asked.outcome).toMatch(/no answer/);
  expect(server.connects).toBe(2);
});

test("a script that is sent twice, because the server has lost it, has one timeout", async () => {
  const { clock, redis } = start();
  server.answer = (args) =>
    args[0] === "EVALSHA"
      ? new Promise(
          (_, reject) => void clock.after(700, () => reject(new Error("NOSCRIPT no matching script"))),
        )
      : silence();
  let outcome: unknown = "pending";
  redis.run("return 1", "key").catch((error: Error) => {
    outcome = error.message;
  });
  await vi.waitFor(async () => {
    await clock.settle(0);
    expect(clock.waiting()).toBe(2);
  });
  await clock.settle(700);
  await clock.settle(299);
  expect(outcome).toBe("pending");
  await clock.settle(1);
  expect(outcome).toMatch(/no answer within 1000 ms/);
});
