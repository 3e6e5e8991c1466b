import process from "node:process";
import { type Command, configOption, textOf, UsageError, type Values } from "../../cli/command.ts";
import { composed } from "../../config/compose.ts";
import { configPath, readConfig } from "../../config/configured.ts";
import { type EdgeCookieSection, edgeCookieSection, parseConfig } from "../config.ts";
import { consentPolicy } from "../settings.ts";
import { explainConsent, type NamedPartner } from "./explain-consent.ts";

const text = (value: string, summary: string) => ({ value, summary });

export const consent: Command = {
  summary: "explain a decision on consent step by step",
  details:
    "Decides as a request would be decided on, with the rules and the partners of the configuration, or with the defaults if there is none.",
  options: {
    ...configOption,
    country: text("CODE", "the visitor's country, such as FR; default: not known"),
    region: text("CODE", "the visitor's region, such as CA or US-CA"),
    tcf: text("STRING", "the cookie euconsent-v2"),
    gpp: text("STRING", "the cookie __gpp"),
    "gpp-sid": text("LIST", "the cookie __gpp_sid, such as 2,7"),
    "us-privacy": text("STRING", "the cookie us_privacy, such as 1YNN"),
    gpc: { summary: "the browser sends Sec-GPC: 1" },
    vendor: text("ID", "also decide on a vendor of the IAB's Global Vendor List"),
    at: text("TIME", "when the request comes, such as 2026-03-01T00:00:00Z; default: now"),
  },
  async run(values, sections) {
    const path = configPath(textOf(values, "config"));
    const section = path === undefined ? defaults() : await configured(path, sections);
    const partners = section.partners.map(({ id, gvlId }) => ({ name: id, gvlId }));
    const steps = explainConsent(
      {
        country: textOf(values, "country") ?? null,
        region: textOf(values, "region") ?? null,
        nowMs: timeOf(values),
        signals: {
          tcf: textOf(values, "tcf") ?? null,
          gpp: textOf(values, "gpp") ?? null,
          gppSid: textOf(values, "gpp-sid") ?? null,
          usPrivacy: textOf(values, "us-privacy") ?? null,
          gpc: values.gpc === true,
        },
      },
      consentPolicy(section.consent),
      [...partners, ...vendorOf(values)],
    );
    const width = Math.max(...steps.map(([what]) => what.length));
    process.stdout.write(steps.map(([what, meaning]) => `${what.padEnd(width)}  ${meaning}\n`).join(""));
  },
};

/** A configuration without consent settings and partners. Nothing is minted with the passphrase. */
function defaults(): Pick<EdgeCookieSection, "consent" | "partners"> {
  return parseConfig({
    publisher: { domain: "millrace.localhost" },
    passphrases: ["nothing-is-minted-with-it"],
  });
}

async function configured(path: string, sections: Parameters<Command["run"]>[1]): Promise<EdgeCookieSection> {
  const section = composed(await readConfig(sections, path)).section(edgeCookieSection);
  if (section === undefined)
    throw new UsageError(
      "the configuration has no section edgeCookie; name a file that has one with --config",
    );
  return section;
}

function timeOf(values: Values): number {
  const given = textOf(values, "at");
  const nowMs = given === undefined ? Date.now() : Date.parse(given);
  if (Number.isNaN(nowMs))
    throw new UsageError(`"${given}" is no time; expected one such as 2026-03-01T00:00:00Z`);
  return nowMs;
}

function vendorOf(values: Values): NamedPartner[] {
  const given = textOf(values, "vendor");
  if (given === undefined) return [];
  const gvlId = Number(given);
  if (!Number.isInteger(gvlId) || gvlId < 1 || gvlId > 65_535) {
    throw new UsageError(`"${given}" is no vendor id; expected 1 to 65535`);
  }
  return [{ name: `with gvlId ${gvlId}`, gvlId }];
}
