import assert from "node:assert/strict";
import { description } from "../../../worker/ec/openapi/description.ts";
import { admin, type Scenario } from "../target.ts";

export const openApiScenarios: Scenario[] = [
  {
    name: "openapi: serves the description that these tests compare all answers with",
    async run(target) {
      const answer = await target.visit({ country: "JP" }, { path: "/_ts/openapi.json" });
      assert.equal(answer.status, 200);
      assert.deepEqual(JSON.parse(answer.body), JSON.parse(JSON.stringify(description)));
      assert.deepEqual(answer.setCookies, []);
    },
  },
  {
    name: "openapi: answers to the operator match the description",
    async run(target) {
      assert.equal((await admin(target, "GET", "/_ts/admin/status")).status, 200);
      assert.equal((await target.visit({}, { path: "/_ts/admin/status" })).status, 401);
      assert.equal((await target.visit({}, { path: "/_ts/admin" })).status, 308);
      assert.equal((await target.visit({}, { path: "/_ts/admin/" })).status, 200);
    },
  },
];
