/**
 * Relay sync does not stall: relays whose events are all refused, that close every request, or that are slow, and a burst of
 * announcements. Over real WebSockets, on one runtime; the unit tests go through the times on a clock of their own.
 * @module
 */
import { afterEach, expect, test } from "vitest";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { type FakeRelay, fakeRelay } from "../../support/fake-relay.ts";
import { type Author, author } from "../../support/nostr.ts";
import { announcementOn, metric, type Peer, peer, served, until } from "../../support/peers.ts";
import { connect } from "../../support/relay-client.ts";

const TIMEOUT_MS = 120_000;
const AWAY = { host: "127.0.0.1:1" };
const SLOW_MS = 1_500;

let relays: FakeRelay[] = [];
let ours: Peer | null = null;
afterEach(async () => {
  await ours?.server.stop();
  await Promise.all(relays.map((one) => one.stop()));
  ours = null;
  relays = [];
});

async function relay(...args: Parameters<typeof fakeRelay>): Promise<FakeRelay> {
  const one = await fakeRelay(...args);
  relays.push(one);
  return one;
}

/** Starts a server that follows these relays, and hosts repositories that name a maintainer. */
async function follow(bootstrap: readonly FakeRelay[], maintainer: Author, identifiers: readonly string[]) {
  ours = await peer("node", { bootstrap: bootstrap.map(({ url }) => url) });
  const owner = author();
  const client = await connect(ours.server.url);
  for (const identifier of identifiers) {
    const announcement = announcementOn([ours], owner, identifier, [["maintainers", maintainer.key]]);
    expect((await client.publish(announcement))[0]).toBe(true);
  }
  client.close();
  return ours.server;
}

/** What a maintainer publishes elsewhere and we serve at once (R29). */
const theirs = (maintainer: Author, identifier = "repo") => announcementOn([AWAY], maintainer, identifier);

const requests = ({ asked }: FakeRelay) => asked.filter(([type]) => type === "REQ").length;

test(
  "a relay whose 2,000 events share a second and are all refused, and one that closes every request, keep nothing else waiting (L10, L11, T58)",
  async () => {
    const friend = author();
    const event = theirs(friend);
    const stranger = author();
    // They list neither us nor anything that we host.
    const refused = Array.from({ length: 2_000 }, (_, n) =>
      announcementOn([AWAY], stranger, `spam-${n}`, [], 1_700_000_000),
    );
    const spamming = await relay(refused);
    const closing = await relay([], {
      answer({ message: [type, name], say }) {
        if (type === "REQ") say("CLOSED", name, "error: not today");
      },
    });
    const honest = await relay([event]);
    const { url } = await follow([spamming, closing, honest], friend, ["repo"]);
    await served(url, event);
    await until(() => requests(spamming) > 0 && requests(closing) > 0);
    // Pages of one second end: what is asked for does not grow without end.
    expect(requests(spamming)).toBeLessThan(100);
    expect(requests(closing)).toBeLessThan(100);
    const client = await connect(url);
    expect(await client.query({ authors: [stranger.key] })).toEqual([]);
    client.close();
  },
  TIMEOUT_MS,
);

test(
  "a relay whose first answers are slow is not closed, and what it has is served (L3, T60)",
  async () => {
    const friend = author();
    const event = theirs(friend);
    const slow = await relay([event], {
      answer({ message: [type], serve }) {
        if (type === "REQ") setTimeout(serve, SLOW_MS);
        else serve();
      },
    });
    const { url } = await follow([slow], friend, ["repo"]);
    await served(url, event);
    expect(slow.connections).toBe(1);
    expect(await metric(url, "grasp_relays_avoided")).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "after a burst of announcements, what a relay has about each of them is served (L12, T61)",
  async () => {
    const friend = author();
    const names = Array.from({ length: 100 }, (_, n) => `burst-${n}`);
    const announced = names.map((name) => theirs(friend, name));
    const about = announced.map(
      (event): NostrEvent =>
        author().sign(1621, [["a", `30617:${friend.key}:${event.tags[0]![1]}`]], "about it"),
    );
    const honest = await relay(about);
    const { url } = await follow([honest], friend, names);
    for (const event of announced) honest.publish(event);
    await served(url, ...announced, ...about);
    expect(honest.connections).toBe(1);
  },
  TIMEOUT_MS,
);
