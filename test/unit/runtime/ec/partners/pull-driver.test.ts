import { beforeEach, describe, expect, test } from "vitest";
import { PullDriver, type PullDriverDependencies } from "../../../../../runtime/ec/partners/pull-driver.ts";
import type { EcContext } from "../../../../../runtime/ec/request/context.ts";
import { manualClock } from "../../../../support/manual-clock.ts";

const ID = "an-id";
const context = { activeId: ID } as EcContext;

describe("PullDriver", () => {
  /** The calls of pull sync and of the engine, in order. */
  let calls: string[];
  let clock: ReturnType<typeof manualClock>;
  beforeEach(() => {
    calls = [];
    clock = manualClock();
  });

  function create(
    options: { begins?: boolean; result?: "complete" | "throttled"; has?: boolean; lives?: boolean } = {},
  ) {
    const { begins = true, result = "complete", has = false, lives = true } = options;
    const record = <T>(name: string, value: T) => {
      calls.push(name);
      return value;
    };
    return new PullDriver({
      pullSync: {
        mayBegin: () => true,
        begin: async () => record("begin", begins),
        leaveToEngine: () => record("leaveToEngine", undefined),
        end: () => record("end", undefined),
        forget: () => record("forget", undefined),
      },
      engine: {
        tryNow: async () => record("tryNow", result),
        enqueue: () => record("enqueue", { admitted: true }),
        has: () => has,
        drop: () => record("drop", undefined),
      } as PullDriverDependencies["engine"],
      clock,
      livesBetweenRequests: lives,
    });
  }

  test("pull asks at once, and forgets the id afterwards", async () => {
    await create().pull(context);
    expect(calls).toEqual(["begin", "tryNow", "forget"]);
  });

  test("pull asks nobody if no partner is due", async () => {
    await create({ begins: false }).pull(context);
    expect(calls).toEqual(["begin", "forget"]);
  });

  test("pull leaves an id whose domains have no room to the engine, and does not forget it", async () => {
    await create({ result: "throttled", has: true }).pull(context);
    expect(calls).toEqual(["begin", "tryNow", "enqueue", "leaveToEngine"]);
  });

  test("pull enqueues nothing where the process ends with the request", async () => {
    await create({ result: "throttled", lives: false }).pull(context);
    expect(calls).toEqual(["begin", "tryNow"]);
  });

  test("only the last of several visits of one id forgets it", async () => {
    const driver = create();
    await Promise.all([driver.pull(context), driver.pull(context)]);
    expect(calls.filter((name) => name === "forget")).toHaveLength(1);
    expect(calls.at(-1)).toBe("forget");
  });

  test("drop ends the pulls and drops the id from the engine", () => {
    create().drop(ID);
    expect(calls).toEqual(["end", "drop"]);
  });
});
