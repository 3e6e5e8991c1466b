/**
 * The log of a process. Its level may change, and it shows none of the configuration's secrets.
 * @module
 */
import { isObject } from "../../runtime/lib/json.ts";
import { parseUrl } from "../../runtime/lib/schema.ts";
import { createLog, type LogLevel } from "../../runtime/observe/log.ts";
import { mergeRedactions, type Redaction } from "../../runtime/observe/redaction.ts";
import type { Log, LogFields } from "../../runtime/platform.ts";
import type { ConfigSection } from "../config/compose.ts";
import type { Host } from "../hosts/host.ts";
import type { Plan } from "./plan.ts";

/** Shorter secrets are not searched for: they would appear in ordinary words. */
const SHORTEST_SECRET = 8;

/** The logs of a process, which can be configured while they are used. */
export interface ProcessLog {
  /** The log of the process itself, with the redaction of all services. */
  readonly log: Log;
  /** A log with the redaction of one service. Default: none. */
  logWith(redact?: Redaction): Log;
  /**
   * Takes level, secrets and redaction from a plan. The environment's `MILLRACE_LOG` overrides `log.level`. Secrets of
   * earlier plans stay hidden.
   */
  configure(plan: Plan, level: LogLevel | undefined): void;
}

/**
 * Creates logs that write through the host.
 * @param facts fields of a line, asked for each; the line's own take precedence. Default: none.
 */
export function createProcessLog(
  { logLevel, writeLog, clock }: Pick<Host, "logLevel" | "writeLog" | "clock">,
  facts: () => LogFields | undefined = () => undefined,
): ProcessLog {
  const secrets = new Set<string>();
  let level = logLevel;
  let merged: Redaction | undefined;
  function write(line: string): void {
    let text = line;
    for (const secret of secrets) text = text.replaceAll(secret, "…");
    writeLog(text);
  }

  /** A log that is made again when the level has changed. */
  function logOf(redact: () => Redaction | undefined): Log {
    let made: { level: LogLevel; redact: Redaction | undefined; log: Log } | undefined;
    const current = (): Log => {
      const wanted = redact();
      if (made?.level !== level || made.redact !== wanted) {
        const log = createLog({ level, write, clock, ...(wanted === undefined ? {} : { redact: wanted }) });
        made = { level, redact: wanted, log };
      }
      return made.log;
    };
    const withFacts = (fields?: LogFields): LogFields | undefined => {
      const common = facts();
      return common === undefined ? fields : { ...common, ...fields };
    };
    return {
      debug: (message, fields) => current().debug(message, withFacts(fields)),
      info: (message, fields) => current().info(message, withFacts(fields)),
      warn: (message, fields) => current().warn(message, withFacts(fields)),
      error: (message, fields) => current().error(message, withFacts(fields)),
    };
  }

  return {
    log: logOf(() => merged),
    logWith: (redact) => logOf(() => redact),
    configure({ shared, services, otlp }, environmentLevel) {
      const found = Object.values(otlp?.headers ?? {});
      for (const { module, section } of services) {
        found.push(...secretTexts(module, section));
      }
      for (const text of found) {
        // As it appears in a line of JSON.
        if (text.length >= SHORTEST_SECRET) secrets.add(JSON.stringify(text).slice(1, -1));
      }
      merged = mergeRedactions(services.flatMap(({ module }) => module.redact ?? []));
      level = environmentLevel ?? shared.log.level ?? logLevel;
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
