/**
 * The administration commands of GRASP (O14), by name.
 * @module
 */
import type { Verb } from "./verb.ts";
import { ban, unban } from "./verbs/ban.ts";
import { check } from "./verbs/check.ts";
import { clean } from "./verbs/clean.ts";
import { eject } from "./verbs/eject.ts";
import { held } from "./verbs/held.ts";
import { importEvents } from "./verbs/import.ts";
import { purgatory } from "./verbs/purgatory.ts";
import { repair } from "./verbs/repair.ts";
import { restore } from "./verbs/restore.ts";
import { status } from "./verbs/status.ts";
import { sync } from "./verbs/sync.ts";

export const VERBS: Readonly<Record<string, Verb>> = {
  status,
  purgatory,
  sync,
  repair,
  check,
  clean,
  import: importEvents,
  restore,
  ban,
  unban,
  eject,
  held,
};
