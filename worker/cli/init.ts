import { writeFileSync } from "node:fs";
import process from "node:process";
import { StartError } from "../serve/start-error.ts";
import type { ServiceModule } from "../service.ts";
import { type Command, textOf } from "./command.ts";
import { sha256Hex } from "./hash.ts";
import { newSecret } from "./keys.ts";

/** Default path of a new configuration file: editors know that this kind of file has comments. */
const FILE = "millrace.jsonc";
/** The file contains secrets: only its owner may read it. */
const MODE = 0o600;

/** How this command was started: in a checkout npm runs it. */
const COMMAND = process.env.npm_lifecycle_event === "millrace" ? "npm run millrace --" : "millrace";

/** `millrace init`: writes a configuration file to start with. */
export function initCommand(services: readonly ServiceModule[]): Command {
  return {
    summary: "write a configuration file to start with",
    details:
      "The file has comments, new secrets, and the fields that most operators set. Overwrites no file.",
    options: { config: { value: "FILE", summary: `the file to write (default: ${FILE})` } },
    async run(values) {
      const path = textOf(values, "config") ?? FILE;
      const token = newSecret();
      try {
        writeFileSync(path, startingFile(services, sha256Hex(token)), { flag: "wx", mode: MODE });
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        const reason = code === "EEXIST" ? "it exists already; name another file with --config" : message;
        throw new StartError(`cannot write ${path}: ${reason}`, { cause: error });
      }
      process.stdout.write(nextSteps(services, path, token));
    },
  };
}

function startingFile(services: readonly ServiceModule[], tokenHash: string): string {
  const sections = services.flatMap(({ name, starting }) =>
    starting === undefined
      ? []
      : [`  // A service runs if its section is here.\n  "${name}": ${starting.text(newSecret())}`],
  );
  return `// The configuration of millrace. Comments are allowed. Check it with: millrace check --config FILE
{
  // Gives completion and help in an editor, where the package is installed.
  "$schema": "./node_modules/millrace/dist/config.schema.json",

  // The default address of every service. Port 0: any free one.
  "listen": { "host": "127.0.0.1", "port": 8787 },

  // Headers that your proxy sets, and that it removes from clients' requests. null: not used.
  "client": { "ipHeader": null, "countryHeader": null, "regionHeader": null, "protocolHeader": null },

  // The SHA-256 of the operator's token, which millrace init printed.
  "operator": { "tokenHash": "${tokenHash}" },

  // debug, info, warn, error or silent.
  "log": { "level": "info" },

${sections.join(",\n\n")}
}
`;
}

function nextSteps(services: readonly ServiceModule[], path: string, token: string): string {
  const edits = services.flatMap(({ starting }) => starting?.edits ?? []);
  return `${path} is written. It contains new secrets: keep it out of version control.
The operator's token, which is not stored: ${token}

Edit this first:
${edits.map((edit) => `  ${edit}`).join("\n")}

Then:
  ${COMMAND} check --config ${path}
  ${COMMAND} serve --config ${path}
`;
}
