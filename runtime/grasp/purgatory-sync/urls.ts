/**
 * Which clone URLs of other servers are asked (S8, S9, S34). Events are foreign: a URL is parsed, judged, and written again.
 * @module
 */
import { fromNpub } from "../npub.ts";

/** Which URLs are asked. */
export interface UrlRules {
  /** Every name of this server, in lower case, with its port if that is not the scheme's own (S8). */
  readonly ownHosts: readonly string[];
  /** Whether `http:` is allowed beside `https:`. */
  readonly allowInsecure: boolean;
}

/** Why a URL is not asked. */
export type UrlFault = "no_url" | "scheme" | "parts" | "port" | "host" | "own" | "long";

/** Longest URL, in characters. */
const MAX_LENGTH = 2048;
/** A name or an IPv4 address: letters that mean something to curl's `resolve` option are not among these. */
const NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*$/;
const IPV6 = /^\[[0-9a-f:.]+\]$/;
/** Ports from 1024 on that belong to other protocols (Fetch Standard, "bad ports"). */
const FOREIGN_PORTS = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
  10080,
]);
const FIRST_FREE_PORT = 1024;

/**
 * Judges a URL, and writes it again from its parsed parts (S9, S34): the host in ASCII and lower case without a dot at the end,
 * the port only if it is not the scheme's own, no user, query or fragment, no slash at the end of the path.
 */
export function cloneUrl(text: string, rules: UrlRules): { url: string } | { fault: UrlFault } {
  if (text.length > MAX_LENGTH) return { fault: "long" };
  if (!URL.canParse(text)) return { fault: "no_url" };
  const { protocol, username, password, search, hash, hostname, port, pathname } = new URL(text);
  if (protocol !== "https:" && !(protocol === "http:" && rules.allowInsecure)) return { fault: "scheme" };
  if (username !== "" || password !== "" || search !== "" || hash !== "") return { fault: "parts" };
  if (!isAllowedPort(port)) return { fault: "port" };
  const name = hostname.toLowerCase().replace(/\.$/, "");
  if (!NAME.test(name) && !IPV6.test(name)) return { fault: "host" };
  const host = port === "" ? name : `${name}:${port}`;
  if (rules.ownHosts.includes(host)) return { fault: "own" };
  const url = `${protocol}//${host}${pathname.replace(/\/+$/, "")}`;
  return url.length > MAX_LENGTH ? { fault: "long" } : { url };
}

/** @param port as in a URL's `port`: empty for the scheme's own */
function isAllowedPort(port: string): boolean {
  return port === "" || (Number(port) >= FIRST_FREE_PORT && !FOREIGN_PORTS.has(Number(port)));
}

/** Whether a URL has the path of a GRASP server: it ends in `/<npub>/<identifier>.git` (S6). */
export function isGraspUrl(url: string, identifier: string): boolean {
  const [name, npub] = new URL(url).pathname.split("/").reverse();
  if (npub === undefined || fromNpub(npub) === null) return false;
  try {
    return decodeURIComponent(name!) === `${identifier}.git`;
  } catch {
    return false;
  }
}

/** What Git's client adds to a repository's URL to ask for its refs. */
const INFO_REFS = "/info/refs";

/**
 * Where a redirect of a repository's `info/refs` leads (S31).
 * @param location the field of the answer
 * @returns the repository's new URL; `null`: the redirect is not followed.
 */
export function redirectTarget(from: string, location: string, rules: UrlRules): string | null {
  if (!URL.canParse(location, `${from}${INFO_REFS}`)) return null;
  const to = new URL(location, `${from}${INFO_REFS}`);
  if (to.origin !== new URL(from).origin || !to.pathname.endsWith(INFO_REFS)) return null;
  if (to.search !== "?service=git-upload-pack") return null;
  to.search = "";
  to.pathname = to.pathname.slice(0, -INFO_REFS.length);
  const judged = cloneUrl(to.href, rules);
  return "url" in judged && judged.url !== from ? judged.url : null;
}
