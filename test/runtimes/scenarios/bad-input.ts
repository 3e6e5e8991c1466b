import assert from "node:assert/strict";
import type { Scenario, Visitor } from "../target.ts";
import { freshIp, newcomer } from "./identity.ts";

/** Latin-1 text with every byte above the control characters. */
const HIGH_BYTES = Array.from({ length: 95 }, (_, i) => String.fromCharCode(161 + i)).join("");

export const badInputScenarios: Scenario[] = [
  {
    name: "bad input: accepts cookie headers of 64 KB, with thousands of pairs and unusual bytes",
    async run(target) {
      const { id, visitor } = await newcomer(target);
      const filler = "x".repeat(60_000);
      const headers = [
        `a=${filler}; ts-ec=${id}`,
        `${"a=b; ".repeat(10_000)}ts-ec=${id}`,
        `ts-ec=${"0".repeat(64_000)}`,
        `${";".repeat(50_000)}`,
        `ts-ec; ts-ec=; =ts-ec; ts-ec==; ts-ec="${id}"`,
        `${HIGH_BYTES}=${HIGH_BYTES}; ts-ec=${HIGH_BYTES}`,
      ];
      for (const cookie of headers) {
        const answer = await target.visit(
          { ip: visitor.ip!, country: "JP" },
          { headers: [["cookie", cookie]] },
        );
        // A server may refuse a header that is too large for it; it may not fail.
        assert.ok(answer.status === 200 || answer.status === 431, `${answer.status}: ${cookie.slice(0, 40)}`);
      }
      assert.equal((await target.visit(visitor)).status, 200, "still serving");
    },
  },
  {
    name: "bad input: treats malformed consent strings as absent",
    async run(target) {
      const strings = [
        "C",
        "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA!",
        "A".repeat(10_000),
        "B".repeat(5000),
        "DBABMA~",
        "DBAA",
        "~~~~",
        "%E0%A4%A",
        "1YYN",
        "....",
        HIGH_BYTES,
      ];
      for (const text of strings) {
        for (const name of ["euconsent-v2", "__gpp", "__gpp_sid"]) {
          const visitors: Visitor[] = [
            { ip: freshIp(), country: "FR", cookies: [[name, text]] },
            { ip: freshIp(), country: "US", region: "CA", cookies: [[name, text]] },
          ];
          for (const visitor of visitors) {
            const answer = await target.visit(visitor);
            assert.equal(answer.status, 200, `${name}=${text.slice(0, 40)}`);
            assert.deepEqual(answer.setCookies, [], `${name}=${text.slice(0, 40)}`);
          }
        }
      }
    },
  },
  {
    name: "bad input: treats invalid countries as unknown",
    async run(target) {
      for (const country of ["", "FRANCE", "F", "12", "X".repeat(5000), "--"]) {
        const answer = await target.visit({ ip: freshIp(), country });
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.setCookies, [], country.slice(0, 10));
      }
    },
  },
];
