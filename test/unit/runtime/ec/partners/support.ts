import { type Ask, operator, type TestService } from "../../../../support/service.ts";

export { operator };
export const KEY = "the-api-key-of-ssp-x";

/** A partner on the wire that may do everything but pull. */
export const PARTNER = {
  id: "ssp_x",
  name: "SSP X",
  allowed_return_domains: ["sync.ssp.example"],
  api_key: KEY,
  bidstream_enabled: true,
  source_domain: "ssp.example",
};

/** The same as a configuration has it. */
export const CONFIGURED = {
  id: "ssp_x",
  name: "SSP X",
  allowedReturnDomains: ["sync.ssp.example"],
  apiKey: KEY,
  bidstreamEnabled: true,
  sourceDomain: "ssp.example",
};

/** Registers a partner over the API. */
export function register(t: TestService, record: unknown, ask: Ask = {}): Promise<Response> {
  const body = typeof record === "string" ? record : JSON.stringify(record);
  return t.ask("/_ts/admin/partners/register", { method: "POST", headers: operator, body, ...ask });
}

/** A visitor's first page: an id, and its entry in the graph. */
export async function newVisitor(t: TestService, ask: Ask = {}): Promise<string> {
  const page = await t.ask("/", ask);
  await t.settled();
  const id = page.headers.get("x-ts-ec");
  if (id === null) throw new Error("no id was minted");
  return id;
}

/** Uploads mappings with a key. */
export function upload(t: TestService, mappings: unknown, key = KEY): Promise<Response> {
  return t.ask("/_ts/api/v1/sync", {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ mappings }),
  });
}

/** A body that comes in pieces, without a length; tells how many of them were asked for. */
export function pieces(
  count: number,
  bytes: number,
): { body: ReadableStream<Uint8Array>; sent: () => number } {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (sent === count) return controller.close();
        sent++;
        controller.enqueue(new Uint8Array(bytes).fill(0x20));
      },
    },
    { highWaterMark: 0 },
  );
  return { body, sent: () => sent };
}
