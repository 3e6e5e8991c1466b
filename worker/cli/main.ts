#!/usr/bin/env node
import process from "node:process";
import { services } from "../services.ts";
import { runCommandLine } from "./command-line.ts";

await runCommandLine(services, process.argv.slice(2));
