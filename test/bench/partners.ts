/**
 * What partners cost the visitor: the time until the page's response, with none, with ten who hang, with ten who answered
 * long ago, and with ten thousand of whom ten pull. One process, in turn, medians of the rounds. Prints a table; gates nothing.
 * @module
 */
import { edgeCookie } from "../../worker/entries/node.ts";

const ROUNDS = 15;
const VISITS = 1000;

const puller = (i: number) => ({
  id: `puller-${i}`,
  pullSyncEnabled: true,
  pullSyncUrl: `https://puller-${i}.example/pull`,
  pullSyncAllowedDomains: [`puller-${i}.example`],
  pullToken: "token",
});
const pulling = Array.from({ length: 10 }, (_, i) => puller(i));
const idle = Array.from({ length: 9990 }, (_, i) => ({ id: `idle-${i}` }));
const prompt = async () => new Response('{"uid":"u"}');
const hanging = () => new Promise<Response>(() => {});

const cases = [
  { name: "no partners", partners: [], fetch: prompt },
  { name: "10 partners, all hang", partners: pulling, fetch: hanging },
  { name: "10 partners", partners: pulling, fetch: prompt },
  { name: "10,000 partners, 10 pull", partners: [...pulling, ...idle], fetch: prompt },
];

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const headers = { "x-ip": "203.0.113.1", "x-country": "JP" };

const subjects = await Promise.all(
  cases.map(async ({ name, partners, fetch }) => {
    const handler = edgeCookie({
      publisher: { domain: "publisher.example" },
      store: "memory:",
      client: { ipHeader: "x-ip", countryHeader: "x-country" },
      ec: { passphrases: ["publisher-chosen-secret"] },
      log: silent,
      partners,
      fetch,
    })(() => new Response("page"));
    const visit = (cookie: string) =>
      handler(
        new Request("https://publisher.example/", { headers: { ...headers, cookie } }),
        undefined as never,
      );
    const cookie = `ts-ec=${(await visit("")).headers.get("x-ts-ec")}`;
    return { name, visit: () => visit(cookie), handler, p50: [] as number[], p99: [] as number[] };
  }),
);

const at = (sorted: number[], share: number) => sorted[Math.floor((sorted.length - 1) * share)]!;
const median = (values: number[]) =>
  at(
    values.toSorted((a, b) => a - b),
    0.5,
  );

for (let round = -2; round < ROUNDS; round++) {
  for (const subject of subjects) {
    const times: number[] = [];
    for (let i = 0; i < VISITS; i++) {
      const began = performance.now();
      await subject.visit();
      times.push((performance.now() - began) * 1000);
    }
    if (round < 0) continue; // warming up
    times.sort((a, b) => a - b);
    subject.p50.push(at(times, 0.5));
    subject.p99.push(at(times, 0.99));
  }
}

const first = subjects[0]!;
console.log("| returning visitor, memory store | p50 | p99 |\n| --- | --- | --- |");
for (const { name, p50, p99 } of subjects) {
  const cell = (ours: number[], base: number[]) =>
    `${median(ours).toFixed(1)} µs (${(median(ours) / median(base)).toFixed(2)}x)`;
  console.log(`| ${name} | ${cell(p50, first.p50)} | ${cell(p99, first.p99)} |`);
}
process.exit(0); // what hangs would be waited for
