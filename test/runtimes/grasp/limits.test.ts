/**
 * Limits from the configuration, as the relay holds them on each runtime (R4, O9).
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { announcementBy, type GraspServer, graspServer } from "../../support/grasp-server.ts";
import { author } from "../../support/nostr.ts";
import { connect } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

describe.each<ProcessRuntime>(["node", "bun", "deno"])("limits on %s", (runtime) => {
  let server: GraspServer;
  beforeAll(async () => {
    server = await graspServer(runtime, {
      limits: { subscriptions: 2, tags: 3, messageBytes: 65_536, contentBytes: 100 },
    });
  }, 60_000);
  afterAll(() => server?.stop());

  test("what is set is held, and told in NIP-11 (R4, O9)", async () => {
    const told = await fetch(server.url, { headers: { accept: "application/nostr+json" } });
    expect((await told.json()).limitation).toMatchObject({
      max_subscriptions: 2,
      max_event_tags: 3,
      max_message_length: 65_536,
      max_content_length: 100,
    });
    const client = await connect(server.url);
    for (const name of ["a", "b", "c"]) client.say("REQ", name, { kinds: [1] });
    const [, , text] = await client.next(([type, name]) => type === "CLOSED" && name === "c");
    expect(text).toMatch(/^rate-limited:/);
    const by = author();
    expect((await client.publish(announcementBy(by)))[0]).toBe(true);
    expect((await client.publish(announcementBy(by, "other", [["t", "x"]])))[1]).toMatch(
      /^invalid:.* 3 tags/,
    );
    expect((await client.publish(by.sign(1, [], "x".repeat(101))))[1]).toMatch(/^invalid: content/);
    client.say("EVENT", by.sign(1, [], "x".repeat(70_000)));
    await expect(client.next(() => false)).rejects.toThrow(/closed/);
  }, 60_000);
});
