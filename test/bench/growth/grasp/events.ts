import { rmSync } from "node:fs";
import { join } from "node:path";
import { COMMENT, StoredComments } from "../../grasp/stored-events.ts";
import type { Contender } from "../../harness.ts";
import { temporaryFolder } from "../folder.ts";
import type { Growth } from "../series.ts";
import { accepted, Client, MEASURED, openPlace, PACE, type Place } from "./place.ts";

const places: Place[] = [];
let folder: string | null = null;

/** Stored events. */
export const events: Growth = {
  name: "grasp-events",
  title: "GRASP: a question and an accepted event, by stored events",
  x: "stored events",
  explanation:
    "Each question begins at an index and reads as many rows at every size (a test holds it). SQLite's own cache is 32 MB, the database of a million events 1.3 GB: beyond the cache each row is a call of the operating system, and the trees of keys get deeper. The 100 events of a repository are in as many places of the file, the 50 of an author beside each other.",
  measured: MEASURED,
  pace: PACE,
  sizes: [1000, 10_000, 100_000, 1_000_000],
  async open(size) {
    console.error(`growth: storing ${size.toLocaleString("en")} events`);
    folder ??= temporaryFolder("growth-grasp");
    const place = openPlace(join(folder, `${size}.db`));
    places.push(place);
    const comments = new StoredComments(size);
    await comments.fill(place.store, (text) => console.error(`growth: ${text}`));
    const owner = await place.host("hub");
    const client = new Client(place.relay, "192.0.2.2");
    const asking = (name: string, filter: (i: number) => object): Contender => ({
      name,
      async run(times) {
        for (let n = 0; n < times; n++) {
          const found = await client.ask(filter(Math.floor(Math.random() * size)));
          if (found === 0) throw new Error(`a question ${name} found nothing`);
          client.end();
        }
      },
    });
    return {
      "by id": asking("by id", (i) => ({ ids: [comments.id(i)] })),
      "by author and kind, 50": asking("by author", (i) => ({
        authors: [comments.author(i)],
        kinds: [COMMENT],
      })),
      "by #a, 100": asking("by #a", (i) => ({ "#a": [comments.address(i)], limit: 100 })),
      "accepted event": accepted(place, owner, "hub"),
    };
  },
  async close() {
    for (const place of places.splice(0)) await place.close();
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
    folder = null;
  },
};
