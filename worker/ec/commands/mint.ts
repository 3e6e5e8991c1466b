import process from "node:process";
import { createIdentity } from "../../../runtime/ec/id.ts";
import { normaliseIp } from "../../../runtime/ec/request/ip.ts";
import { type Command, configOption, textOf, UsageError } from "../../cli/command.ts";
import { composed } from "../../config/compose.ts";
import { configPath, readConfig } from "../../config/configured.ts";
import { entryHere } from "../../hosts/process/here.ts";
import { edgeCookieSection } from "../config.ts";

export const mint: Command = {
  summary: "print a fresh EC id for an address",
  details: "Made with the newest of edgeCookie.passphrases. Nothing is stored.",
  options: { ...configOption, ip: { value: "ADDRESS", summary: "the visitor's address, IPv4 or IPv6" } },
  async run(values, sections) {
    const given = textOf(values, "ip");
    if (given === undefined) throw new UsageError("mint needs --ip ADDRESS");
    const ip = normaliseIp(given);
    if (ip === null) throw new UsageError(`"${given}" is no IP address`);
    const inspected = await readConfig(sections, configPath(textOf(values, "config")));
    const config = composed(inspected).section(edgeCookieSection);
    if (config === undefined)
      throw new UsageError(
        "the configuration has no section edgeCookie; name a file that has one with --config",
      );
    const { host } = await entryHere();
    const hotPath = host.createHotPath({ maxKeys: 1, random: host.random });
    process.stdout.write(`${createIdentity(hotPath, config.passphrases).mint(ip)}\n`);
  },
};
