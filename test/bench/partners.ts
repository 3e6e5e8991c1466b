/**
 * The cost of registered partners for a returning visitor's page that needs none of them: ten that pull and answered long
 * ago, alone and among ten thousand others. In the process, without a network.
 * @module
 */
import { edgeCookie } from "../../worker/entries/node.ts";
import { type Contender, measure, report } from "./harness.ts";

const puller = (i: number) => ({
  id: `puller-${i}`,
  pullSyncEnabled: true,
  pullSyncUrl: `https://puller-${i}.example/pull`,
  pullSyncAllowedDomains: [`puller-${i}.example`],
  pullToken: "token",
});
const pulling = Array.from({ length: 10 }, (_, i) => puller(i));
const idle = Array.from({ length: 9990 }, (_, i) => ({ id: `idle-${i}` }));

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const headers = { "x-ip": "203.0.113.1", "x-country": "JP" };

async function visiting(name: string, partners: object[]): Promise<Contender> {
  const handler = edgeCookie({
    publisher: { domain: "publisher.example" },
    store: "memory:",
    client: { ipHeader: "x-ip", countryHeader: "x-country" },
    passphrases: ["publisher-chosen-secret"],
    log: silent,
    partners: partners as (typeof pulling)[number][],
    fetch: async () => new Response('{"uid":"u"}'),
  })(() => new Response("page"));
  const visit = (cookie: string) => {
    const request = new Request("https://publisher.example/", { headers: { ...headers, cookie } });
    return handler(request, undefined as never);
  };
  const cookie = `ts-ec=${(await visit("")).headers.get("x-ts-ec")}`;
  return {
    name,
    async run(times) {
      for (let i = 0; i < times; i++) await visit(cookie);
      // The background work is part of the cost.
      await new Promise((resolve) => setTimeout(resolve));
    },
  };
}

report(
  await measure(
    [
      await visiting("10 partners, all pulling", pulling),
      await visiting("10,000 partners, 10 pulling", [...pulling, ...idle]),
    ],
    { rounds: 31, turnMs: 40 },
  ),
);
process.exit(0);
