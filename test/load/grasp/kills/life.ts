/**
 * One life of a repository as a list of actions, each of which a crash may interrupt: what V7 means by every step of A35 and N13.
 * @module
 */
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { announcementBy, MAIN, runGitClient, stateBy } from "../../../support/grasp-server.ts";
import { type Author, author } from "../../../support/nostr.ts";
import { connect } from "../../../support/relay-client.ts";
import type { Ledger, Refs } from "./ledger.ts";

/** Something that a client does, and that it does again if it got no answer. */
export interface Action {
  readonly name: string;
  run(url: string, ledger: Ledger): Promise<void>;
}

/** @param folder an existing folder for the work tree */
export function lifeOf(folder: string): Action[] {
  const work = workTree(folder);
  const [owner, friend, ally] = [author(), author(), author()];
  const nowSeconds = Math.floor(Date.now() / 1000) - 100;
  const [one, two, three, four] = ["one", "two", "three", "four"].map((name) => work.commit(name, name)) as [
    string,
    string,
    string,
    string,
  ];
  const tag = annotated(work, one);

  const publish = (event: NostrEvent) => async (url: string, ledger: Ledger) => {
    const client = await connect(url);
    try {
      await ledger.publish(client, event);
    } finally {
      client.close();
    }
  };
  const push =
    (to: Author, refs: Refs, ...specs: string[]) =>
    (url: string, ledger: Ledger) =>
      ledger.push(to.key, "repo", refs, () =>
        runGitClient(work.path, "push", "-q", `${url}/${toNpub(to.key)}/repo.git`, ...specs),
      );
  const stateOf = (refs: Refs, second: number) => stateBy(owner, refs, "repo", nowSeconds + second);
  const pullRequest = (commit: string, content: string) =>
    friend.sign(
      1618,
      [
        ["a", `30617:${owner.key}:repo`],
        ["p", owner.key],
        ["c", commit],
      ],
      content,
      nowSeconds,
    );

  const TOPIC = "refs/heads/topic";
  const first = { [MAIN]: two };
  const second = { [MAIN]: three, [TOPIC]: one, "refs/tags/v1": tag };
  // Not a descendant, and a branch below the name of one that goes: two ref transactions (N9).
  const third = { [MAIN]: one, [`${TOPIC}/a`]: two };
  const early = pullRequest(four, "its commit comes before it");
  const late = pullRequest(three, "its commit comes after it");
  const named = friend.sign(1111, [["e", early.id]], "a comment", nowSeconds);

  return [
    { name: "announce", run: publish(announcementBy(owner, "repo", [], nowSeconds)) },
    { name: "state 1", run: publish(stateOf(first, 1)) },
    { name: "push 1", run: push(owner, first, `${two}:${MAIN}`) },
    { name: "state 2", run: publish(stateOf(second, 2)) },
    {
      name: "push 2",
      run: push(owner, second, `${three}:${MAIN}`, `${one}:${TOPIC}`, `${tag}:refs/tags/v1`),
    },
    {
      name: "state 3, whose objects are here",
      async run(url, ledger) {
        ledger.willMove(owner.key, "repo", third);
        await publish(stateOf(third, 3))(url, ledger);
        ledger.moved(owner.key, "repo");
      },
    },
    {
      name: "announcement of another owner, whose repository gets a copy (N8)",
      async run(url, ledger) {
        ledger.willMove(ally.key, "repo", third);
        await publish(announcementBy(ally, "repo", [["maintainers", owner.key]], nowSeconds))(url, ledger);
        ledger.moved(ally.key, "repo");
      },
    },
    {
      name: "upload",
      run: async (url) => {
        const at = `${url}/${toNpub(owner.key)}/repo.git`;
        const { code, output } = await runGitClient(
          work.path,
          "push",
          "-q",
          at,
          `${four}:refs/nostr/${early.id}`,
        );
        if (code !== 0) throw new Error(output);
      },
    },
    { name: "pull request of the upload", run: publish(early) },
    { name: "pull request whose commit is here", run: publish(late) },
    { name: "comment", run: publish(named) },
    {
      name: "deletion of a pull request",
      run: publish(
        friend.sign(
          5,
          [
            ["e", late.id],
            ["k", "1618"],
          ],
          "",
          nowSeconds + 1,
        ),
      ),
    },
  ];
}

function annotated(work: WorkTree, commit: string): string {
  work.git("tag", "-a", "-m", "v1", "v1", commit);
  return work.git("rev-parse", "v1");
}
