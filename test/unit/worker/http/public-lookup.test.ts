/**
 * Look-ups of untrusted names do not use the threads that the origin's name needs: a slow name server must not delay pages.
 */
import { createSocket, type Socket } from "node:dgram";
import { lookup, Resolver } from "node:dns";
import { afterEach, expect, test } from "vitest";
import { publicLookup } from "../../../../worker/http/public-lookup.ts";

const opened: Socket[] = [];

afterEach(() => {
  for (const socket of opened.splice(0)) socket.close();
});

/**
 * A name server on loopback. Every name has these IPv4 addresses, and no IPv6 address.
 * @param addresses `null`: the server never answers
 */
async function nameServer(addresses: readonly string[] | null) {
  const asked: string[] = [];
  const socket = createSocket("udp4");
  opened.push(socket);
  socket.on("message", (question, { port, address }) => {
    const labels: string[] = [];
    let at = 12;
    for (let size = question[at]!; size > 0; size = question[at]!) {
      labels.push(question.toString("latin1", at + 1, at + 1 + size));
      at += size + 1;
    }
    asked.push(labels.join("."));
    if (addresses === null) return;
    const isIpv4 = question.readUInt16BE(at + 1) === 1;
    const records = (isIpv4 ? addresses : []).map((ip) =>
      // A pointer to the name; type A, class IN; a minute; four bytes.
      Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...ip.split(".").map(Number)]),
    );
    const head = Buffer.from(question.subarray(0, at + 5));
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(records.length, 6);
    head.writeUInt32BE(0, 8);
    socket.send(Buffer.concat([head, ...records]), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const resolver = new Resolver({ timeout: 60_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return { resolver, asked };
}

const resolved = (look: ReturnType<typeof publicLookup>, name: string, options = { all: true }) =>
  new Promise<unknown>((resolve) => {
    look(name, options, (error, addresses) => resolve(error?.message ?? addresses));
  });

test("a name resolves to the addresses of the name server", async () => {
  const { resolver, asked } = await nameServer(["93.184.215.14", "93.184.215.15"]);
  const look = publicLookup(false, resolver);
  expect(await resolved(look, "partner.example")).toEqual([
    { address: "93.184.215.14", family: 4 },
    { address: "93.184.215.15", family: 4 },
  ]);
  expect(await resolved(look, "partner.example", { all: false })).toBe("93.184.215.14");
  expect(new Set(asked)).toEqual(new Set(["partner.example"]));
});

test.each(["127.0.0.1", "10.0.0.1", "169.254.169.254"])(
  "a name with the address %s among others is refused",
  async (ip) => {
    const { resolver } = await nameServer(["93.184.215.14", ip]);
    expect(await resolved(publicLookup(false, resolver), "partner.example")).toMatch(
      /outside the public internet/,
    );
  },
);

test("local names are resolved by the system, without a name server", async () => {
  const { resolver, asked } = await nameServer(["93.184.215.14"]);
  expect(await resolved(publicLookup(false, resolver), "localhost")).toMatch(/outside the public internet/);
  expect(await resolved(publicLookup(true, resolver), "localhost")).toContainEqual({
    address: "127.0.0.1",
    family: 4,
  });
  expect(asked).toEqual([]);
});

test("a silent name server delays no other look-up, and its look-up fails", async () => {
  const { resolver, asked } = await nameServer(null);
  const look = publicLookup(false, resolver);
  let over = 0;
  const silent = Array.from({ length: 32 }, async (_, n) => {
    const answer = await resolved(look, `partner${n}.example`);
    over++;
    return answer;
  });
  // The system's look-ups share two threads.
  for (let n = 0; n < 20; n++) {
    await new Promise<void>((resolve, reject) => {
      lookup("localhost", (error) => (error ? reject(error) : resolve()));
    });
  }
  expect(over).toBe(0);
  resolver.cancel();
  for (const answer of await Promise.all(silent))
    expect(answer).toMatch(/no name server answered for partner\d+/);
  expect(new Set(asked).size).toBe(32);
});
