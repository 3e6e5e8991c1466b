/**
 * Prints how many bytes of heap one request takes, by kind, and with them what it leaves in the memory store. The
 * process has to be started with so much room for young objects that nothing is collected on the way, and with the
 * garbage collector exposed.
 * @module
 */
import process from "node:process";
import { testService, VISITOR } from "../../support/service.ts";

const PAGES = 4000;
/** Of those that are not answered at once, or that leave something. */
const FEWER = 500;

interface Kind {
  path?: string;
  cookie?: string;
  country?: string | null;
}

const partners = Array.from({ length: 20 }, (_, i) => ({
  id: `partner-${i}`,
  apiKeyHash: i.toString(16).padStart(64, "0"),
}));
const { service, services, ask } = testService({ config: { partners } });
const id = (await ask("/")).headers.get("x-ts-ec")!;
const uids = partners.map((partner, i) => ({ partner: partner.id, uid: `uid-${i}`, synced: 1 }));
await services.graph.upsertKnown(id, uids);
const page = new Response("the page");
const handle = () => page;

/** Requests are made beforehand: what they take is the host's. */
function requests({ path = "/", cookie }: Kind, count: number): Request[] {
  return Array.from({ length: count }, () => {
    const headers: Record<string, string> = cookie === undefined ? {} : { cookie };
    const request = new Request(`https://publisher.example${path}`, { headers });
    // What the host makes of them when they are first read is its own, too.
    request.headers.get("cookie");
    return request;
  });
}

async function bytesEach(kind: Kind, count: number): Promise<number> {
  const { country = "JP" } = kind;
  const client = { ...VISITOR, country };
  const work: Promise<unknown>[] = [];
  const background = { waitUntil: (promise: Promise<unknown>) => void work.push(promise) };
  async function answerAll(some: Request[]): Promise<void> {
    for (const request of some) {
      const answer = service.respond(request, client, background, handle);
      if (answer instanceof Promise) await answer;
      while (work.length > 0) await work.pop();
    }
  }
  // Until the code is compiled it leaves garbage of its own.
  await answerAll(requests(kind, count));
  const made = requests(kind, count);
  globalThis.gc!();
  const before = process.memoryUsage().heapUsed;
  await answerAll(made);
  return Math.round((process.memoryUsage().heapUsed - before) / count);
}

const cookie = `theme=dark; ts-ec=${id}`;
console.log(
  JSON.stringify({
    returning: await bytesEach({ cookie }, PAGES),
    "no consent": await bytesEach({ country: "DE" }, PAGES),
    "no jurisdiction": await bytesEach({ cookie, country: null }, PAGES),
    new: await bytesEach({}, FEWER),
    "/identify with 20 partners": await bytesEach({ path: "/identify", cookie }, FEWER),
  }),
);
process.exit(0);
