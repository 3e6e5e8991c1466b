/**
 * GRASP's section of the configuration.
 * @module
 */
import * as v from "valibot";
import { isHex64 } from "../../runtime/grasp/events/event.ts";
import { identifierFault } from "../../runtime/grasp/identifier.ts";
import { fromNpub, readKey } from "../../runtime/grasp/npub.ts";
import { fields, listOf, text, whole } from "../../runtime/lib/schema.ts";
import type { ConfigSection } from "../config/compose.ts";
import { listenAddress, section } from "../config/shared.ts";

/** The port where the section names none. */
const PORT = 7334;

/** A host as others name this server: with its port if that is not the scheme's own. */
function publicHost() {
  const expected = "a host with or without a port, such as git.example.com or 127.0.0.1:7334";
  return v.pipe(
    v.string(expected),
    v.toLowerCase(),
    v.check(
      (given) => URL.canParse(`http://${given}/`) && new URL(`http://${given}/`).host === given,
      expected,
    ),
  );
}

/** A Nostr public key as npub or hex, kept as hex. */
function publicKey() {
  const expected = "a public key as npub1… or as 64 hex digits";
  return v.pipe(
    v.string(expected),
    v.transform((given) => readKey(given.toLowerCase())),
    v.string(expected),
  );
}

/** `<npub>/<identifier>`, an npub, or an identifier. */
function repositoryName() {
  const expected = "npub1…/identifier, an npub, or an identifier";
  return text(expected, (given) => {
    const slash = given.indexOf("/");
    if (slash === -1) return fromNpub(given) !== null || identifierFault(given) === null;
    return fromNpub(given.slice(0, slash)) !== null && identifierFault(given.slice(slash + 1)) === null;
  });
}

/** One line of text. */
function line(what: string, isEmptyAllowed = false) {
  const expected = `${what}, without control characters`;
  return text(expected, (given) => (isEmptyAllowed || given !== "") && !/\p{Cc}/u.test(given));
}

function graspSchema() {
  return fields({
    domain: publicHost(),
    aliases: v.optional(listOf(publicHost(), "hosts"), []),
    listen: v.optional(listenAddress(PORT), {}),
    dataDirectory: v.optional(line("a folder"), "./data/grasp"),
    name: v.optional(line("a name"), "millrace"),
    description: v.optional(line("a description", true), ""),
    icon: v.nullish(
      text("a URL, or null", (given) => URL.canParse(given)),
      null,
    ),
    operatorPubkey: v.nullish(publicKey(), null),
    deny: section({
      authors: v.optional(listOf(publicKey(), "public keys"), []),
      repositories: v.optional(listOf(repositoryName(), "repositories"), []),
    }),
    allow: section({
      repositories: v.nullish(listOf(repositoryName(), "repositories"), null),
    }),
    quota: section({
      repositoriesPerAuthor: v.optional(whole(1, 1_000_000), 100),
    }),
  });
}

/** The section `grasp` with its defaults. */
export type GraspSection = v.InferOutput<ReturnType<typeof graspSchema>>;

export const graspSection: ConfigSection<GraspSection> = { name: "grasp", schema: graspSchema };

/** The operator's lists, with keys as hex. */
export function listsOf({ deny, allow, quota, operatorPubkey }: GraspSection) {
  return {
    denyAuthors: new Set(deny.authors),
    denyRepositories: new Set(deny.repositories),
    allowRepositories: allow.repositories === null ? null : new Set(allow.repositories),
    maxRepositories: quota.repositoriesPerAuthor,
    operator: operatorPubkey !== null && isHex64(operatorPubkey) ? operatorPubkey : null,
    relayKey: null,
  };
}
