import { expect, test } from "vitest";
import { host } from "../../../../worker/hosts/process/node.ts";
import {
  currentIds,
  inRequest,
  requestFields,
  timersOutside,
} from "../../../../worker/http/request-scope.ts";

const ids = (requestId: string) => ({ requestId, trace: null });

test("work that two requests interleave knows its own", async () => {
  const work = async (name: string) => {
    const before = currentIds()?.requestId;
    await Promise.resolve();
    return [name, before, currentIds()?.requestId];
  };
  const both = ["a", "b"].map((name) => inRequest(ids(name), () => work(name)));
  expect(await Promise.all(both)).toEqual([
    ["a", "a", "a"],
    ["b", "b", "b"],
  ]);
  expect(requestFields()).toBeUndefined();
});

test("a timer of the process belongs to no request", async () => {
  const clock = timersOutside(host.clock);
  const seen = await inRequest(
    ids("a"),
    () => new Promise((resolve) => clock.after(0, () => resolve(requestFields() ?? "none"))),
  );
  expect(seen).toBe("none");
});
