/**
 * Prints the bytes of heap that one request takes, by kind, including what it leaves in the memory store. The process must be
 * started with enough room for young objects that nothing is collected meanwhile, and with the garbage collector exposed.
 * @module
 */
import process from "node:process";
import { testService, VISITOR } from "../../support/service.ts";

const PAGES = 4000;
/** Requests of kinds that are not answered synchronously, or that write to the store. */
const FEWER = 500;
/** The least of them counts: the others compile. */
const ROUNDS = 4;

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

/** Makes requests in advance: their memory is the host's. */
function requests({ path = "/", cookie }: Kind, count: number): Request[] {
  return Array.from({ length: count }, () => {
    const headers: Record<string, string> = cookie === undefined ? {} : { cookie };
    const request = new Request(`https://publisher.example${path}`, { headers });
    // The host parses them when they are first read: that is its memory, too.
    request.headers.get("cookie");
    return request;
  });
}

async function bytesEach(kind: Kind, count: number, rounds = ROUNDS): Promise<number> {
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
  // Code that is not compiled yet allocates more.
  await answerAll(requests(kind, count));
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const made = requests(kind, count);
    globalThis.gc!();
    const before = process.memoryUsage().heapUsed;
    await answerAll(made);
    least = Math.min(least, process.memoryUsage().heapUsed - before);
  }
  return Math.round(least / count);
}

const cookie = `theme=dark; ts-ec=${id}`;
console.log(
  JSON.stringify({
    returning: await bytesEach({ cookie }, PAGES),
    "no consent": await bytesEach({ country: "DE" }, PAGES),
    "no jurisdiction": await bytesEach({ cookie, country: null }, PAGES),
    // In one round: after some ids an address gets no more for a while.
    new: await bytesEach({}, FEWER, 1),
    "/identify with 20 partners": await bytesEach({ path: "/identify", cookie }, FEWER),
  }),
);
process.exit(0);
