import { describe, expect, test } from "vitest";
import { boundedFetch } from "../../../../runtime/lib/bounded-fetch.ts";
import { TimeoutError } from "../../../../runtime/lib/within.ts";
import type { Fetch } from "../../../../runtime/platform.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const BOUNDS = { timeoutMs: 1000, maxBytes: 10 };

function call(fetch: Fetch) {
  const clock = manualClock();
  return { clock, answer: boundedFetch("https://x.example/", {}, BOUNDS, { fetch, clock }) };
}

/** A body that returns one chunk per call of `more`, and records whether it was cancelled. */
function slowBody() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const state = { cancelled: false };
  const body = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
    cancel: () => {
      state.cancelled = true;
    },
  });
  return {
    body,
    state,
    more: (bytes: number) => controller.enqueue(new Uint8Array(bytes)),
    end: () => controller.close(),
  };
}

describe("boundedFetch", () => {
  test("follows no redirect, returns the response, and leaves no timer", async () => {
    let redirect: unknown;
    const { clock, answer } = call(async (_, init) => {
      redirect = init?.redirect;
      return new Response("0123456789", { status: 201, headers: { "x-a": "1" } });
    });
    const response = await answer;
    expect(redirect).toBe("manual");
    expect([response.status, response.headers.get("x-a"), await response.text()]).toEqual([
      201,
      "1",
      "0123456789",
    ]);
    expect(clock.waiting()).toBe(0);
  });

  test("a response without a body and a failure leave no timer", async () => {
    const empty = call(async () => new Response(null, { status: 204 }));
    await empty.answer;
    expect(empty.clock.waiting()).toBe(0);
    const failing = call(() => Promise.reject(new TypeError("refused")));
    await expect(failing.answer).rejects.toThrow("refused");
    expect(failing.clock.waiting()).toBe(0);
    const throwing = call(() => {
      throw new TypeError("thrown");
    });
    await expect(throwing.answer).rejects.toThrow("thrown");
    expect(throwing.clock.waiting()).toBe(0);
  });

  test("a body one byte above the maximum fails and is cancelled", async () => {
    const { body, state, more } = slowBody();
    const { clock, answer } = call(async () => new Response(body));
    more(10);
    more(1);
    await expect((await answer).text()).rejects.toThrow("longer than 10 bytes");
    expect(state.cancelled).toBe(true);
    expect(clock.waiting()).toBe(0);
  });

  test("a response that does not begin in time fails, even if the network ignores the signal", async () => {
    let signal: AbortSignal | null | undefined;
    const { clock, answer } = call((_, init) => {
      signal = init?.signal;
      return new Promise(() => {});
    });
    const failed = expect(answer).rejects.toThrow(TimeoutError);
    await clock.settle(1000);
    await failed;
    expect(signal?.aborted).toBe(true);
  });

  test("a slow body fails at the same timeout", async () => {
    const { body, state, more } = slowBody();
    const { clock, answer } = call(async () => new Response(body));
    const text = (await answer).text();
    const failed = expect(text).rejects.toThrow(TimeoutError);
    for (let drop = 0; drop < 9; drop++) {
      more(1);
      await clock.settle(100);
    }
    expect(state.cancelled).toBe(false);
    await clock.settle(100);
    await failed;
    expect(state.cancelled).toBe(true);
  });

  test("cancelling the response cancels the body and the timer", async () => {
    const { body, state } = slowBody();
    const { clock, answer } = call(async () => new Response(body));
    await (await answer).body!.cancel();
    expect(state.cancelled).toBe(true);
    expect(clock.waiting()).toBe(0);
  });
});
