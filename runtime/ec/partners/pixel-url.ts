/**
 * The URLs of partners' pixels, and the macros in them.
 * @module
 */
import { isInternalHost, isLoopbackHost } from "../../lib/addresses.ts";
import { parseUrl } from "../../lib/schema.ts";
import { CONSENT_PARAMETERS, type ConsentParameters } from "../request/consent-parameters.ts";

/** Maximum length of a pixel's URL before its macros are filled in, in characters. */
const MAX_LENGTH = 2048;
/** Names in braces that a URL may have. */
export const PIXEL_MACROS: readonly string[] = [...CONSENT_PARAMETERS, "ec"];

const MACRO = /\{([^{}]*)\}/g;

/**
 * The fault of a pixel's URL, as the rest of "expected …": it must be https, not an internal address, and may have macros behind
 * its host.
 * @param allowInsecure plain http and this machine are allowed.
 * @returns `null` if there is no fault.
 */
export function pixelUrlFault(text: string, allowInsecure: boolean): string | null {
  const url = text.length > MAX_LENGTH ? null : parseUrl(text);
  if (url === null) return `an absolute URL of at most ${MAX_LENGTH} characters`;
  if (url.protocol !== "https:" && !(allowInsecure && url.protocol === "http:")) {
    return "an https URL (plain http only with allowInsecurePartners)";
  }
  if (url.username !== "" || url.password !== "") return "a URL without user and password";
  if (isInternalHost(url.hostname) && !(allowInsecure && isLoopbackHost(url.hostname))) {
    return "a URL outside private, loopback, link-local and metadata addresses";
  }
  if (url.host.includes("{")) return "a URL with macros behind its host only";
  const macros = Array.from(text.matchAll(MACRO), ([, name]) => name!);
  if (macros.every((name) => PIXEL_MACROS.includes(name))) return null;
  return `a URL with no macros but ${PIXEL_MACROS.map((name) => `{${name}}`).join(" ")}`;
}

/** A pixel's URL with its macros filled in, each percent-encoded; what is not known is empty. */
export function filledPixelUrl(pixelUrl: string, ec: string, consent: ConsentParameters): string {
  const values: Readonly<Record<string, string | undefined>> = { ...consent, ec };
  return pixelUrl.replace(MACRO, (_, name: string) => encodeURIComponent(values[name] ?? ""));
}
