/**
 * Relay sync (GRASP-02) with relays that demand keys, limit, break off, lie or flood, on Node, Bun and Deno.
 * @module
 */
import { describe, expect, test } from "vitest";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { type FakeRelay, fakeRelay } from "../../support/fake-relay.ts";
import { verifyEvent } from "../../support/grasp.ts";
import { stateBy } from "../../support/grasp-server.ts";
import { type Author, author } from "../../support/nostr.ts";
import { announcementOn, metric, type Peer, peer, served, until } from "../../support/peers.ts";
import { connect } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const TIMEOUT_MS = 120_000;
/** A secret key, and the public one of it. */
const SECRET = "1".repeat(64);
const PUBLIC = "4f355bdcb7cc0af728ef3cceb9615d90684bb5b2ca5f859ab0f0b704075871aa";
const AWAY = { host: "127.0.0.1:1" };

/** What one test works with. Tests mostly wait for servers, so that several run at the same time. */
class World {
  readonly owner = author();
  readonly #relays: FakeRelay[] = [];
  #ours: Peer | null = null;

  readonly relay = async (...args: Parameters<typeof fakeRelay>): Promise<FakeRelay> => {
    const one = await fakeRelay(...args);
    this.#relays.push(one);
    return one;
  };

  /** Starts a server that follows these relays, and hosts a repository that names a maintainer. */
  readonly follow = async (
    runtime: ProcessRuntime,
    bootstrap: readonly FakeRelay[],
    maintainer: Author,
  ): Promise<Peer> => {
    const ours = await peer(runtime, { bootstrap: bootstrap.map(({ url }) => url) }, { relayKey: SECRET });
    this.#ours = ours;
    const client = await connect(ours.server.url);
    const named = [["maintainers", maintainer.key]];
    expect((await client.publish(announcementOn([ours], this.owner, "repo", named)))[0]).toBe(true);
    client.close();
    return ours;
  };

  async end(): Promise<void> {
    await this.#ours?.server.stop();
    await Promise.all(this.#relays.map((one) => one.stop()));
  }
}

function inWorld(run: (world: World) => Promise<void>): () => Promise<void> {
  return async () => {
    const world = new World();
    try {
      await run(world);
    } finally {
      await world.end();
    }
  };
}

/** What a maintainer publishes elsewhere and we serve at once (R29). */
const theirs = (maintainer: Author) => announcementOn([AWAY], maintainer, "repo");

/** The same event with a signature that is not the author's. */
const forged = (event: NostrEvent): NostrEvent => ({ ...event, sig: "0".repeat(128) });

describe.concurrent.each<ProcessRuntime>(["node", "bun", "deno"])("on %s", (runtime) => {
  test(
    "a relay that demands a key gets the relay key's signature, and is asked again (L4, L31)",
    inWorld(async ({ follow, relay }) => {
      const friend = author();
      const event = theirs(friend);
      const proofs: NostrEvent[] = [];
      const demanding = await relay([event], {
        connected(connection) {
          connection.send(JSON.stringify(["AUTH", "prove it"]));
          return true;
        },
        answer({ message: [type, name], say, serve, message }) {
          if (type === "AUTH") {
            proofs.push(message[1] as NostrEvent);
            say("OK", (message[1] as NostrEvent).id, true, "");
          } else if (proofs.length > 0) serve();
          else if (type === "REQ") say("CLOSED", name, "auth-required: who are you?");
        },
      });
      const { server } = await follow(runtime, [demanding], friend);
      await served(server.url, event);
      const [proof] = proofs;
      expect(proof).toMatchObject({ kind: 22242, pubkey: PUBLIC });
      expect(verifyEvent(proof!)).toBe(true);
      expect(proof!.tags).toEqual(
        expect.arrayContaining([
          ["relay", demanding.url],
          ["challenge", "prove it"],
        ]),
      );
    }),
    TIMEOUT_MS,
  );

  test(
    "a relay that breaks off is tried again until it stays (L15, L18)",
    inWorld(async ({ follow, relay }) => {
      const friend = author();
      const event = theirs(friend);
      const breaking = await relay([event], {
        connected(connection, number) {
          if (number < 3) connection.terminate();
          return number >= 3;
        },
      });
      const { server } = await follow(runtime, [breaking], friend);
      await served(server.url, event);
      expect(breaking.connections).toBe(3);
      expect(await metric(server.url, 'grasp_relay_failures_total{reason="connection"}')).toBe(2);
    }),
    TIMEOUT_MS,
  );

  test(
    "a relay that asks for fewer requests rests, and no other relay waits for it (L14, L16, T53)",
    inWorld(async ({ follow, relay }) => {
      const friend = author();
      const event = theirs(friend);
      const limiting = await relay([], {
        answer({ message: [type], say }) {
          if (type === "REQ") say("NOTICE", "rate-limited: slow down");
        },
      });
      const other = await relay([event]);
      const { server } = await follow(runtime, [limiting, other], friend);
      await served(server.url, event);
      await until(async () => (await metric(server.url, "grasp_relay_rate_limits_total")) > 0);
      const asked = limiting.asked.filter(([type]) => type === "REQ").length;
      // Live events of the other one come while the first rests.
      const state = stateBy(friend, {}, "repo");
      other.publish(state);
      await served(server.url, state);
      expect(limiting.asked.filter(([type]) => type === "REQ").length).toBe(asked);
    }),
    TIMEOUT_MS,
  );

  test(
    "forged signatures are not served and close the relay for hours, and the honest one goes on (L19, T28)",
    inWorld(async ({ follow, relay }) => {
      const friend = author();
      const forgeries = [0, 1, 2, 3, 4].map((at) =>
        forged(announcementOn([AWAY], friend, "repo", [["name", String(at)]])),
      );
      const lying = await relay(forgeries);
      const honest = await relay();
      const { server } = await follow(runtime, [lying, honest], friend);
      await until(
        async () => (await metric(server.url, 'grasp_relay_avoided_total{reason="invalid-signature"}')) === 1,
      );
      expect(await metric(server.url, "grasp_relays_avoided")).toBe(1);
      const event = theirs(friend);
      honest.publish(event);
      await served(server.url, event);
      const client = await connect(server.url);
      expect(await client.query({ ids: forgeries.map(({ id }) => id) })).toEqual([]);
      client.close();
      expect(lying.connections).toBe(1);
    }),
    TIMEOUT_MS,
  );

  test(
    "events that were not asked for, and a flood, close the relay for hours (L19, L29)",
    inWorld(async ({ follow, relay }) => {
      const friend = author();
      const stranger = author();
      const pushing = await relay([], {
        answer({ message: [type, name], say, serve }) {
          serve();
          if (type !== "REQ") return;
          for (let i = 0; i < 10; i++) say("EVENT", name, stranger.sign(1, [], `buy ${i}`));
        },
      });
      const event = theirs(friend);
      const copies = JSON.stringify(event);
      const flooding = await relay([], {
        answer({ message: [type, name], connection, serve }) {
          serve();
          if (type !== "REQ") return;
          for (let i = 0; i < 7_000; i++) connection.send(`["EVENT",${JSON.stringify(name)},${copies}]`);
        },
      });
      const { server } = await follow(runtime, [pushing, flooding], friend);
      for (const reason of ["not-asked-for", "flood"]) {
        await until(
          async () => (await metric(server.url, `grasp_relay_avoided_total{reason="${reason}"}`)) === 1,
        );
      }
      expect(await metric(server.url, "grasp_relays_avoided")).toBe(2);
      expect([pushing.connections, flooding.connections]).toEqual([1, 1]);
    }),
    TIMEOUT_MS,
  );
});
