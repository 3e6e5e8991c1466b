/**
 * Installs the programs that only the tests need, as root on a Debian; elsewhere it prints what to install. Tests without
 * their program are left out, which CI does not allow.
 * @module
 */
import { programs } from "../test/support/programs.ts";
import { installPrograms } from "./apt.ts";
import { installCargoTools } from "./cargo-tools.ts";
import { installOpenApiTools } from "./openapi-tools.ts";
import { say } from "./tool-cache.ts";
import { installWrangler } from "./wrangler.ts";

const left = installPrograms(programs);
const hasCargoTools = installCargoTools();
const hasOpenApiTools = installOpenApiTools();
const hasWrangler = installWrangler();
const isCi = !["", "0", "false", undefined].includes(process.env.CI);
if ((left.length > 0 || !hasCargoTools || !hasOpenApiTools || !hasWrangler) && isCi) {
  say("under CI nothing may be left out");
  process.exitCode = 1;
}
