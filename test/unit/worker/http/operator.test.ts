import { expect, test } from "vitest";
import { testService } from "../../../support/service.ts";

test.each([
  ["127.0.0.1", 200],
  ["::1", 200],
  ["localhost", 200],
  ["127.0.0.1.evil.example", 401],
  ["localhost.evil.example", 401],
  ["0.0.0.0", 401],
  ["::", 401],
  [null, 401],
])("/_ts/metrics without a token, for a server bound to %s, answers %i", async (boundTo, status) => {
  const t = testService({ boundTo });
  expect((await t.ask("/_ts/metrics")).status).toBe(status);
});
