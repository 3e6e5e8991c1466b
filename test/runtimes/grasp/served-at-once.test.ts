/**
 * When `git push` returns, its events are served: the report comes after the release (V11, A37). Counted, not timed; the bench has the
 * times.
 * @module
 */
import { expect, test } from "vitest";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { workTree } from "../../support/git.ts";
import {
  announcementBy,
  graspServer,
  MAIN,
  PURGATORY,
  runGitClient,
  stateBy,
} from "../../support/grasp-server.ts";
import { author } from "../../support/nostr.ts";
import { connect } from "../../support/relay-client.ts";
import type { ProcessRuntime } from "../../support/spawn.ts";

/** Clients at once, and pushes of each. */
const CLIENTS = 3;
const PUSHES = 4;

test.each<ProcessRuntime>(["node", "bun", "deno"])(
  "a query by id right after git push finds the state, at each push, while others push, on %s",
  async (runtime) => {
    const server = await graspServer(runtime);
    try {
      const found = await Promise.all(
        Array.from({ length: CLIENTS }, async (_, number) => {
          const name = `repo-${number}`;
          const [owner, work] = [author(), workTree(server.folder, name)];
          const client = await connect(server.url);
          await client.publish(announcementBy(owner, name));
          const answers: string[][] = [];
          for (let i = 0; i < PUSHES; i++) {
            const commit = work.commit("file", `${number} ${i}`);
            const state = stateBy(owner, { [MAIN]: commit }, name, 1_700_000_000 + i);
            expect(await client.publish(state)).toEqual([true, PURGATORY]);
            expect(await client.query({ ids: [state.id] })).toEqual([]);
            const url = `${server.url}/${toNpub(owner.key)}/${name}.git`;
            expect(await runGitClient(work.path, "push", "-q", url, "main")).toEqual({ code: 0, output: "" });
            answers.push(
              (await client.query({ ids: [state.id] })).map((id) => (id === state.id ? "served" : id)),
            );
          }
          client.close();
          return answers;
        }),
      );
      expect(found.flat()).toEqual(Array.from({ length: CLIENTS * PUSHES }, () => ["served"]));
    } finally {
      await server.stop();
    }
  },
  120_000,
);
