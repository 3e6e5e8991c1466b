/**
 * The administration commands of GRASP (O14), by name.
 * @module
 */
import type { Verb } from "./verb.ts";
import { purgatory } from "./verbs/purgatory.ts";
import { repair } from "./verbs/repair.ts";
import { status } from "./verbs/status.ts";
import { sync } from "./verbs/sync.ts";

export const VERBS: Readonly<Record<string, Verb>> = { status, purgatory, sync, repair };
