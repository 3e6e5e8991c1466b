/**
 * URLs of relays (L2): judged as clone URLs are, and written in one form.
 * @module
 */
import { cloneUrl, type UrlFault, type UrlRules } from "../purgatory-sync/urls.ts";

/**
 * Judges a relay's URL and writes it again: `wss:` (or `ws:` if insecure servers are allowed), the host in lower case, the port
 * only if it is not the scheme's own, no slash at the end.
 */
export function relayUrl(text: string, rules: UrlRules): { url: string } | { fault: UrlFault } {
  const trimmed = text.trim();
  if (!/^wss?:/i.test(trimmed)) return { fault: "scheme" };
  const judged = cloneUrl(trimmed.replace(/^ws/i, "http"), rules);
  return "url" in judged ? { url: judged.url.replace(/^http/, "ws") } : judged;
}

/** The relay on the host of a clone URL: GRASP serves both at one address. */
export function relayOfClone(text: string, rules: UrlRules): { url: string } | { fault: UrlFault } {
  const judged = cloneUrl(text.trim(), rules);
  if ("fault" in judged) return judged;
  const { protocol, host } = new URL(judged.url);
  return relayUrl(`${protocol.replace("http", "ws")}//${host}`, rules);
}
