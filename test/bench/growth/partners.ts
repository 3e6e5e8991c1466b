import type { Growth } from "./series.ts";
import { newVisitor, pageWith, quiet, visit } from "./visit.ts";

const partner = (i: number) => ({ id: `partner-${i}` });
const puller = (i: number) => ({
  ...partner(i),
  pullSyncEnabled: true,
  pullSyncUrl: `https://puller-${i}.example/pull`,
  pullSyncAllowedDomains: [`puller-${i}.example`],
  pullToken: "token",
});

/** Registered partners, ten of which are pulled from. */
export const partners: Growth = {
  name: "partners",
  title: "A page, by registered partners",
  x: "partners, ten of them pulling",
  explanation: "Nothing on a page's way looks at partners that are not pulled from.",
  sizes: [10, 100, 1000, 10_000],
  async open(size) {
    const page = pageWith({
      partners: Array.from({ length: size }, (_, i) => (i < 10 ? puller(i) : partner(i))),
      fetch: async () => new Response('{"uid":"u"}'),
    });
    const cookie = await newVisitor(page);
    return {
      "returning visitor": {
        name: `${size}`,
        async run(times) {
          for (let i = 0; i < times; i++) await visit(page, cookie);
          await quiet();
        },
      },
    };
  },
};
