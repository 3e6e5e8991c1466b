/**
 * What `millrace grasp publish` does: announces the repository in the current folder to a GRASP server, and states what it has.
 * @module
 */
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { missingUrls, readAnnouncement } from "../../../runtime/grasp/announcement.ts";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { KIND } from "../../../runtime/grasp/events/kinds.ts";
import { identifierFault } from "../../../runtime/grasp/identifier.ts";
import { readKey, toNpub } from "../../../runtime/grasp/npub.ts";
import { textOf, UsageError, type Values } from "../../cli/command.ts";
import { type Addresses, addressesOn, announcementTags, dateAfter, stateTags } from "../client/events.ts";
import { RelayConnection } from "../client/relay-connection.ts";
import { type Signer, signerOf } from "../client/signer.ts";
import { createSecretKey, loadSecretKey } from "./secret-key.ts";
import { isInHistory, push, readWorkTree, remoteRefs, type WorkTreeFacts } from "./work-tree.ts";

/** Where the key is, unless `--key` names another file. */
const KEY_FILE = join(process.env.XDG_CONFIG_HOME || join(homedir(), ".config"), "millrace", "nostr.key");

/** A refspec for each kind of ref that a state names. */
const ALL_REFS = ["refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*"];

/** Runs the command. @throws {UsageError} for options that make no sense. */
export async function publishRepository(values: Values): Promise<void> {
  // npm runs its scripts in the folder of millrace, and says where it was called.
  if (process.env.npm_lifecycle_event === "millrace") process.chdir(process.env.INIT_CWD ?? ".");
  const server = serverOf(values);
  const maintainers = maintainersOf(values);
  const tree = await readWorkTree();
  const identifier = identifierOf(values, tree);
  const path = textOf(values, "key") ?? KEY_FILE;
  const signer = signerOf(values["create-key"] ? createSecretKey(path) : loadSecretKey(path));
  const repository = addressesOn(server, signer.key, identifier);
  say("you", `${toNpub(signer.key)}  (key in ${path})`);
  say("repository", repository.clone);

  const relay = await RelayConnection.open(repository.relay);
  try {
    await announce(relay, signer, { identifier, repository, maintainers, tree });
    const isForced = await mayReplace(repository.clone, tree, values.force === true);
    await state(relay, signer, identifier, tree);
    const args = pushArguments(repository.clone, tree, isForced);
    if (values.push) {
      const code = await push(args);
      if (code !== 0) throw new Error(`git push failed; the lines above that begin with "remote:" say why`);
    } else {
      process.stdout.write(`\nNow push:\n  git push ${args.map(quoted).join(" ")}\n`);
    }
  } finally {
    relay.close();
  }
}

function serverOf(values: Values): URL {
  const given = textOf(values, "server");
  if (given === undefined)
    throw new UsageError("publish needs --server URL, such as --server https://git.example");
  const url = URL.canParse(given) ? new URL(given) : null;
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.search !== "" ||
    url.hash !== "" ||
    url.username !== ""
  ) {
    throw new UsageError(`--server must be a URL such as https://git.example, not ${given}`);
  }
  return url;
}

function maintainersOf(values: Values): string[] {
  const given = (textOf(values, "maintainers") ?? "").split(",").filter(Boolean);
  return given.map((text) => {
    const key = readKey(text.trim());
    if (key === null)
      throw new UsageError(`--maintainers takes public keys as npub1… or 64 hex digits, not ${text}`);
    return key;
  });
}

function identifierOf(values: Values, { name }: WorkTreeFacts): string {
  const given = textOf(values, "identifier");
  const identifier = given ?? name.normalize("NFC");
  const fault = identifierFault(identifier);
  if (fault === null) return identifier;
  if (given !== undefined) throw new UsageError(`--identifier ${given}: ${fault}`);
  throw new UsageError(`the folder's name cannot be used: ${fault}; choose a name with --identifier NAME`);
}

/** Announces the repository, unless the server has an announcement that says the same. */
async function announce(
  relay: RelayConnection,
  signer: Signer,
  given: { identifier: string; repository: Addresses; maintainers: readonly string[]; tree: WorkTreeFacts },
): Promise<void> {
  const { identifier, repository, maintainers, tree } = given;
  const filter = { kinds: [KIND.announcement], authors: [signer.key], "#d": [identifier] };
  const [before = null] = await relay.query(filter);
  if (before !== null && saysAll(before, repository, maintainers))
    return say("announcement", "is served already");
  const { rootCommit } = tree;
  const tags = announcementTags({ identifier, servers: [repository], maintainers, rootCommit, before });
  await send(relay, "announcement", signer.sign(KIND.announcement, tags, dateAfter(before, now())));
}

function saysAll(event: NostrEvent, { clone }: Addresses, maintainers: readonly string[]): boolean {
  const read = readAnnouncement(event);
  if ("fault" in read) return false;
  const { announcement } = read;
  const { host, pathname } = new URL(clone);
  const basePath = pathname.replace(/[^/]+\/[^/]+$/, "");
  const isListed = missingUrls(announcement, { hosts: [host], basePath }).length === 0;
  return (
    isListed && maintainers.every((key) => key === event.pubkey || announcement.maintainers.includes(key))
  );
}

/** States every branch and tag, with a later date than any state that the server serves. */
async function state(
  relay: RelayConnection,
  signer: Signer,
  identifier: string,
  tree: WorkTreeFacts,
): Promise<void> {
  const others = await relay.query({ kinds: [KIND.state], "#d": [identifier] });
  const newest = others.reduce<NostrEvent | null>(
    (best, event) => (best === null || event.created_at > best.created_at ? event : best),
    null,
  );
  const tags = stateTags(identifier, tree.refs, tree.head);
  // A state that waits is in no answer: two runs within one second would make two states of one date.
  await sleep(1000 - (Date.now() % 1000));
  await send(relay, "state", signer.sign(KIND.state, tags, dateAfter(newest, now())));
}

async function send(relay: RelayConnection, what: string, event: NostrEvent): Promise<void> {
  const { ok, text } = await relay.publish(event);
  if (!ok) throw new Error(`the server refuses the ${what}: ${text}`);
  say(what, `${event.id}  ${text === "" ? "is served" : text}`);
}

/**
 * Whether commits of the server get lost by the new state: a branch that is not here, or one whose history goes elsewhere.
 * @throws {Error} naming them, unless that is wanted.
 */
async function mayReplace(url: string, { refs }: WorkTreeFacts, isWanted: boolean): Promise<boolean> {
  const remedies: string[] = [];
  for (const [ref, id] of await remoteRefs(url)) {
    const here = refs.get(ref);
    if (here === undefined) remedies.push(`git fetch ${quoted(url)} ${quoted(`${ref}:${ref}`)}`);
    else if (here !== id && !(await isInHistory(id, here)))
      remedies.push(`git pull ${quoted(url)} ${quoted(ref)}`);
  }
  if (remedies.length > 0 && !isWanted) {
    throw new Error(
      "the server has commits that are not here, and the new state would drop them. Fetch them first:\n" +
        `${remedies.map((line) => `  ${line}\n`).join("")}or drop them with --force`,
    );
  }
  return remedies.length > 0;
}

function pushArguments(url: string, { refs, head }: WorkTreeFacts, isForced: boolean): string[] {
  const [only] = refs.size === 1 ? refs.keys() : [];
  const branch = only?.startsWith("refs/heads/") ? only.slice("refs/heads/".length) : null;
  const refspecs = branch !== null && only === head ? [branch] : ALL_REFS;
  return [...(isForced ? ["--force"] : []), url, ...refspecs];
}

/** For a shell: in quotes if it is more than a plain word. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function say(what: string, text: string): void {
  process.stdout.write(`${what.padEnd(13)} ${text}\n`);
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
