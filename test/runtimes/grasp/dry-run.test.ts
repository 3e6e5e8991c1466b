/**
 * `POST /dry-run` (G29) against a real server on each runtime.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  MAIN,
  PURGATORY,
  stateBy,
} from "../../support/grasp-server.ts";
import { author } from "../../support/nostr.ts";
import { connect } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

const ZERO = "0".repeat(40);
const [A, B] = ["1".repeat(40), "2".repeat(40)];

describe.each<ProcessRuntime>(["node", "bun", "deno"])("a dry run on %s", (runtime) => {
  let server: GraspServer;
  beforeAll(async () => {
    server = await graspServer(runtime);
  }, 60_000);
  afterAll(() => server?.stop());

  const ask = (body: unknown) =>
    fetch(`${server.url}/dry-run`, { method: "POST", body: JSON.stringify(body) });

  test("says what would happen, keeps nothing, and admits ten questions a minute (G29, G25)", async () => {
    const owner = author();
    const announcement = announcementBy(owner);
    const first = await ask({ event: announcement });
    expect([first.status, first.headers.get("access-control-allow-origin")]).toEqual([200, "*"]);
    expect(await first.json()).toEqual({
      event: { ok: true, outcome: "waits", text: PURGATORY },
      push: null,
    });
    expect((await fetch(`${server.repository(owner)}/info/refs?service=git-upload-pack`)).status).toBe(404);

    const forged = await (await ask({ event: { ...announcement, sig: "0".repeat(128) } })).json();
    expect(forged).toMatchObject({ event: { ok: false, outcome: "refused" }, push: null });

    const client = await connect(server.url);
    expect(await client.publish(announcement)).toMatchObject([true, PURGATORY]);
    const event = stateBy(owner, { [MAIN]: A });
    const granted = await (await ask({ event, commands: [`${ZERO} ${A} ${MAIN}`] })).json();
    expect(granted).toMatchObject({
      event: { outcome: "waits" },
      push: { repository: `${toNpub(owner.key)}/repo`, granted: true, reason: "granted", refused: [] },
    });
    const refused = await (await ask({ event, commands: [`${ZERO} ${B} ${MAIN}`] })).json();
    expect(refused).toMatchObject({
      push: { granted: false, reason: "wrong_value", refused: [{ ref: MAIN }] },
    });
    // The state that was asked about is not known.
    expect(await client.publish(event)).toMatchObject([true, PURGATORY]);
    client.close();

    for (let asked = 4; asked < 10; asked++) expect((await ask({ event: {} })).status).toBe(200);
    const last = await ask({ event: announcement });
    expect([last.status, last.headers.get("retry-after")]).toEqual([429, "6"]);
    expect(last.headers.get("access-control-allow-origin")).toBe("*");
  }, 60_000);
});
