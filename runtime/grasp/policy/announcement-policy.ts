/**
 * Whether an announcement is accepted (R26 to R35).
 * @module
 */
import { type Announcement, missingUrls, readAnnouncement } from "../announcement.ts";
import { isArchived } from "../archive.ts";
import { isNewer, type NostrEvent } from "../events/event.ts";
import { folded } from "../folded.ts";
import { toNpub } from "../npub.ts";
import { refuse, refuseForNow, type Verdict } from "./verdict.ts";
import { type KnownAnnouncement, setsOf, type World } from "./world.ts";

/** Judges an announcement, whether a client sent it or another server. */
export function judgeAnnouncement(event: NostrEvent, world: World): Verdict {
  const { lists } = world;
  if (lists.denyAuthors.has(event.pubkey)) return refuse("blocked", "this author is not served here");
  const read = readAnnouncement(event);
  if ("fault" in read) return refuse("invalid", read.fault);
  const { announcement } = read;
  if (isDenied(announcement, lists)) return refuse("blocked", "this repository is not served here");

  const known = world.announcements(announcement.identifier).get(event.pubkey);
  if (known !== undefined && !isNewer(event, known.announcement.event)) {
    return { kind: "duplicate", text: "a newer version is known" };
  }
  const missing = missingUrls(announcement, world.ourselves);
  const isNamed = isArchived(announcement, lists.archive);
  if (!isNamed && (missing.length > 0 || lists.archive?.isReadOnly))
    return judgeUnlisted(announcement, known, missing, world);
  if (known?.status === "served") return { kind: "serve" };
  if (known?.isHosted) return { kind: "wait" };

  const twin = world.foldsNames ? twinOf(announcement, world) : undefined;
  if (twin !== undefined)
    return refuse(
      "invalid",
      `this server cannot tell the identifier from ${JSON.stringify(twin)}, which is here`,
    );
  if (!isNamed && lists.allowRepositories !== null && !isListed(lists.allowRepositories, announcement)) {
    return refuse("restricted", "only listed repositories are hosted here");
  }
  if (world.repositoriesOf(event.pubkey) >= lists.maxRepositories) {
    return refuse("restricted", `an author may have ${lists.maxRepositories} repositories here`);
  }
  return { kind: "wait" };
}

/** One that neither lists us nor is archived, or that a read-only archive does not name (X3): by a maintainer of a repository here (R29), or a withdrawal (R35), or none of our business. */
function judgeUnlisted(
  announcement: Announcement,
  known: KnownAnnouncement | undefined,
  missing: ReturnType<typeof missingUrls>,
  world: World,
): Verdict {
  if (known?.isHosted && missing.length > 0)
    return { kind: "delist", text: "the repository is not listed here any more" };
  for (const [owner, set] of setsOf(world, announcement.identifier)) {
    if (owner !== announcement.owner && set.has(announcement.owner)) return { kind: "serve" };
  }
  if (world.lists.archive?.isReadOnly)
    return refuseForNow(
      "restricted",
      "this server is a read-only archive, and does not archive this repository",
    );
  const urls = missing.map(({ tag, url }) => `add ${url} to ${tag}`).join(", ");
  return refuseForNow("restricted", `the announcement does not list this server: ${urls}`);
}

/** Another identifier of the owner that is the same file here (R27). */
function twinOf({ owner, identifier }: Announcement, world: World): string | undefined {
  return world
    .identifiersOf(owner)
    .find((other) => other !== identifier && folded(other) === folded(identifier));
}

/** Whether the operator denies a repository (R26). */
export function isDenied(
  repository: Named,
  { denyRepositories }: Pick<World["lists"], "denyRepositories">,
): boolean {
  return isListed(denyRepositories, repository);
}

type Named = Pick<Announcement, "owner" | "identifier">;

/** Whether a list has a repository: `<npub>/<identifier>`, the identifier alone, or the owner. */
function isListed(list: ReadonlySet<string>, { owner, identifier }: Named): boolean {
  return [owner, identifier, `${owner}/${identifier}`, toNpub(owner), `${toNpub(owner)}/${identifier}`].some(
    (name) => list.has(name),
  );
}
