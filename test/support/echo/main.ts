import process from "node:process";
import { runCommandLine } from "../../../worker/cli/command-line.ts";
import { services } from "../../../worker/services.ts";
import { echo } from "./echo.ts";

await runCommandLine([...services, echo], process.argv.slice(2));
