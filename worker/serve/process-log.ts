/**
 * The log of a process. Its level may change, and it shows none of the configuration's secrets.
 * @module
 */
import { isObject } from "../../runtime/lib/json.ts";
import { parseUrl } from "../../runtime/lib/schema.ts";
import { createLog, type LogLevel } from "../../runtime/observe/log.ts";
import type { Log } from "../../runtime/platform.ts";
import type { ConfigSection } from "../config/compose.ts";
import type { Host } from "../hosts/host.ts";
import type { Plan } from "./plan.ts";

/** Shorter secrets are not searched for: they would appear in ordinary words. */
const SHORTEST_SECRET = 8;

/** A log that can be configured while it is used. */
export interface ProcessLog {
  readonly log: Log;
  /**
   * Takes level, secrets and redaction from a plan. The environment's `MILLRACE_LOG` overrides `log.level`. Secrets of
   * earlier plans stay hidden.
   */
  configure(plan: Plan, level: LogLevel | undefined): void;
}

/** Creates a log that writes through the host. */
export function createProcessLog({ logLevel, writeLog, clock }: Host): ProcessLog {
  const secrets = new Set<string>();
  let redactors: ((line: string) => string)[] = [];

  function write(line: string): void {
    let text = line;
    for (const secret of secrets) text = text.replaceAll(secret, "…");
    for (const redact of redactors) text = redact(text);
    writeLog(text);
  }

  let current = createLog({ level: logLevel, write, clock });
  return {
    log: {
      debug: (message, fields) => current.debug(message, fields),
      info: (message, fields) => current.info(message, fields),
      warn: (message, fields) => current.warn(message, fields),
      error: (message, fields) => current.error(message, fields),
    },
    configure({ shared, services }, level) {
      for (const { module, section } of services) {
        for (const text of secretTexts(module, section)) {
          // As it appears in a line of JSON.
          if (text.length >= SHORTEST_SECRET) secrets.add(JSON.stringify(text).slice(1, -1));
        }
      }
      redactors = services.flatMap(({ module }) => (module.redact ? [(line) => module.redact!(line)] : []));
      current = createLog({ level: level ?? shared.log.level ?? logLevel, write, clock });
    },
  };
}

/** The secrets in a section: the texts of secret fields, and the passwords in URLs. */
export function secretTexts(
  { secrets = [], secretUrls = [] }: Pick<ConfigSection<unknown>, "secrets" | "secretUrls">,
  section: unknown,
): string[] {
  if (Array.isArray(section)) return section.flatMap((item) => secretTexts({ secrets, secretUrls }, item));
  if (!isObject(section)) return [];
  return Object.entries(section).flatMap(([name, value]) => {
    if (secrets.includes(name)) return [value].flat().filter((text) => typeof text === "string");
    if (secretUrls.includes(name)) return typeof value === "string" ? passwordsIn(value) : [];
    return secretTexts({ secrets, secretUrls }, value);
  });
}

function passwordsIn(url: string): string[] {
  const password = parseUrl(url)?.password ?? "";
  if (password === "") return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
