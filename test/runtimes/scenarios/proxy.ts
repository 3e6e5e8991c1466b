import assert from "node:assert/strict";
import { ecCookieOf, type Scenario } from "../target.ts";
import { freshIp } from "./identity.ts";

const JAPAN = { country: "JP" };

export const proxyScenarios: Scenario[] = [
  {
    name: "proxy: keeps the origin's cookies unchanged",
    async run(target) {
      const answer = await target.visit({ ip: freshIp(), ...JAPAN }, { path: "/own-cookies" });
      const own = answer.setCookies.filter((line) => !line.startsWith("ts-ec="));
      assert.deepEqual(own, ["a=1; Path=/", "b=2; Expires=Wed, 21 Oct 2099 07:28:00 GMT"]);
      assert.ok(ecCookieOf(answer));
    },
  },
  {
    name: "proxy: makes a cacheable page private only if it sets the cookie",
    async run(target) {
      const ip = freshIp();
      const first = await target.visit({ ip, ...JAPAN }, { path: "/cacheable" });
      assert.equal(first.headers["cache-control"], "private, max-age=60");
      assert.equal(first.headers["surrogate-control"], undefined);
      const id = ecCookieOf(first)!.value;
      const second = await target.visit({ ip, ...JAPAN, cookies: [["ts-ec", id]] }, { path: "/cacheable" });
      assert.equal(second.headers["cache-control"], "public, max-age=60, s-maxage=600");
    },
  },
  {
    name: "proxy: streams a body",
    async run(target) {
      const response = await fetch(`${target.url}/stream`, { signal: AbortSignal.timeout(10_000) });
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      const first = await reader.read();
      assert.equal(first.value, "first");
      await target.visit({}, { path: "/stream-go" });
      let rest = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) rest += part.value;
      assert.equal(rest, "second");
    },
  },
  {
    name: "proxy: removes x-ts- headers and sends the visitor's host where the runtime allows it",
    async run(target) {
      await target.visit(
        { ip: freshIp(), ...JAPAN },
        {
          method: "POST",
          path: "/form?a=1",
          body: "x=1",
          headers: [
            ["x-ts-ec", "forged"],
            ["x-custom", "kept"],
          ],
        },
      );
      const seen = target.origin.seen.findLast((request) => request.url === "/form?a=1");
      assert.equal(seen?.method, "POST");
      assert.equal(seen.headers["x-ts-ec"], undefined);
      assert.equal(seen.headers["x-custom"], "kept");
      // Over fetch a host is the one of the URL.
      const isOverFetch = !["node", "bun", "deno"].includes(target.name);
      assert.equal(seen.headers.host, new URL(isOverFetch ? target.origin.url : target.url).host);
    },
  },
  {
    name: "proxy: gives the origin the request's ids, with a parent-id of its own",
    async run(target) {
      const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
      const ask = async (path: string, traceparent: string) => {
        const headers: [string, string][] = [
          ["x-request-id", "request-of-the-balancer"],
          ["traceparent", traceparent],
          ["tracestate", "vendor=1"],
        ];
        await target.visit({ ip: freshIp(), ...JAPAN }, { path, headers });
        return target.origin.seen.findLast((request) => request.url === path)!.headers;
      };
      const good = await ask("/page?traced", `00-${trace}-00f067aa0ba902b7-01`);
      assert.equal(good["x-request-id"], "request-of-the-balancer");
      assert.match(String(good.traceparent), new RegExp(`^00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`));
      assert.equal(good.tracestate, "vendor=1");
      const malformed = await ask("/page?malformed", `00-${trace}-00f067aa0ba902b7`);
      assert.deepEqual([malformed.traceparent, malformed.tracestate], [undefined, undefined]);
    },
  },
  {
    name: "proxy: passes an error page on, with the identity",
    async run(target) {
      const answer = await target.visit({ ip: freshIp(), ...JAPAN }, { path: "/broken" });
      assert.equal(answer.status, 500);
      assert.ok(ecCookieOf(answer));
    },
  },
];
