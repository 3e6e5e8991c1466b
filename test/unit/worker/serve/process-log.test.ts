import { expect, test } from "vitest";
import { idFields, NO_IDS } from "../../../../runtime/observe/trace-context.ts";
import type { LogFields } from "../../../../runtime/platform.ts";
import { host } from "../../../../worker/hosts/process/node.ts";
import type { Plan } from "../../../../worker/serve/plan.ts";
import { createProcessLog, secretTexts } from "../../../../worker/serve/process-log.ts";
import type { ServiceModule } from "../../../../worker/service.ts";

const fields = { secrets: ["token", "keys"], secretUrls: ["store"] };

/** A plan with one service. */
function planWith(section: object, level: string | null, module: object = fields): Plan {
  const services = [
    { module: module as ServiceModule, section, title: "", listen: { host: "", port: 0 }, hosts: undefined },
  ];
  return { shared: { log: { level } }, services, warnings: [] } as unknown as Plan;
}

function recordedLog() {
  const lines: string[] = [];
  const processLog = createProcessLog({ ...host, logLevel: "info", writeLog: (line) => lines.push(line) });
  return { ...processLog, lines };
}

test("secrets are found at any depth, and passwords in URLs", () => {
  const section = {
    token: "one",
    store: "redis://user:p%40ss@host",
    partners: [{ token: null, keys: ["two", 3], name: "four" }, { store: "memory:" }],
  };
  expect(secretTexts(fields, section)).toEqual(["one", "p%40ss", "p@ss", "two"]);
});

test("no line of the log shows a secret, not even one that JSON escapes", () => {
  const { log, configure, lines } = recordedLog();
  configure(planWith({ token: 'a "quoted" secret', keys: ["first-key-of-two"] }, null), undefined);
  log.warn('it is a "quoted" secret', { nested: { key: "first-key-of-two" } });
  expect(JSON.parse(lines[0]!)).toMatchObject({ message: "it is …", nested: { key: "…" } });
});

test("a line names the request it is written for, unless it names one itself or none", () => {
  const lines: string[] = [];
  let current: LogFields | undefined;
  const { log } = createProcessLog(
    { ...host, logLevel: "info", writeLog: (line) => lines.push(line) },
    () => current,
  );
  log.info("before");
  current = { requestId: "now", traceId: undefined };
  log.info("during", { a: 1 });
  log.info("for another", { requestId: "then" });
  log.info("for none", idFields(NO_IDS));
  expect(lines.map((line) => JSON.parse(line).requestId)).toEqual([undefined, "now", "then", undefined]);
});

test("secrets of an earlier configuration stay hidden", () => {
  const { log, configure, lines } = recordedLog();
  configure(planWith({ token: "the-earlier-one" }, null), undefined);
  configure(planWith({ token: "the-later-one" }, null), undefined);
  log.info("the-earlier-one the-later-one");
  expect(JSON.parse(lines[0]!).message).toBe("… …");
});

test("the level changes with the configuration, and the environment's level overrides it", () => {
  const { log, configure, lines } = recordedLog();
  log.debug("hidden at the host's level");
  configure(planWith({}, "debug"), undefined);
  log.debug("shown");
  configure(planWith({}, "debug"), "error");
  log.warn("hidden by the environment's level");
  expect(lines.map((line) => JSON.parse(line).message)).toEqual(["shown"]);
});

test("a service's log has its own redaction, and the process's log has that of all", () => {
  const { log, logWith, configure, lines } = recordedLog();
  const redact = { fields: [], patterns: [{ pattern: /\d{4,}/g, replacement: "#" }] };
  configure(planWith({}, null, { redact }), undefined);
  log.info("card 1234567x");
  logWith(redact).info("card 1234567x");
  logWith(undefined).info("card 1234567x");
  expect(lines.map((line) => JSON.parse(line.replace(/"time":"[^"]*",/, "")).message)).toEqual([
    "card #x",
    "card #x",
    "card 1234567x",
  ]);
});
