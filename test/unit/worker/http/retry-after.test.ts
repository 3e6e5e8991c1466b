import { expect, test } from "vitest";
import { retryAfter } from "../../../../worker/http/retry-after.ts";

test.each([
  [0, "1"],
  [1, "1"],
  [1000, "1"],
  [1001, "2"],
  [59_999, "60"],
])("retryAfter rounds %i ms up to %s s", (retryAfterMs, seconds) => {
  expect(retryAfter({ retryAfterMs })).toEqual({ "retry-after": seconds });
});
