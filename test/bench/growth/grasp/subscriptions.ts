import { createHash } from "node:crypto";
import type { Growth } from "../series.ts";
import { accepted, Client, MEASURED, openPlace, PACE, type Place } from "./place.ts";

const noise = (text: string) => createHash("sha256").update(text).digest("hex");

/** Filters that no published comment matches, by what they name. */
const FILTERS: Record<string, (i: number) => object> = {
  "beside #a": (i) => ({ kinds: [1111], "#a": [`30617:${noise(`a ${i}`)}:repo`], limit: 0 }),
  "beside authors": (i) => ({ kinds: [1111], authors: [noise(`author ${i}`)], limit: 0 }),
  "beside kinds": (i) => ({ kinds: [2000 + (i % 8000)], limit: 0 }),
};

const places: Place[] = [];

/** Subscriptions that do not match. */
export const subscriptions: Growth = {
  name: "grasp-subscriptions",
  title: "GRASP: an accepted event, by subscriptions that do not want it",
  x: "subscriptions of other connections",
  explanation: "A subscription is found by what it names, never by a search.",
  measured: MEASURED,
  pace: PACE,
  sizes: [1, 10, 100, 1000, 10_000],
  async open(size) {
    const contenders = Object.entries(FILTERS).map(async ([name, filter]) => {
      const place = openPlace();
      places.push(place);
      const owner = await place.host("hub");
      for (let i = 0; i < size; i++) await new Client(place.relay, "192.0.2.3").ask(filter(i));
      if (place.relay.subscriptions !== size) throw new Error("a subscription is missing");
      return [name, accepted(place, owner, "hub")] as const;
    });
    return Object.fromEntries(await Promise.all(contenders));
  },
  async close() {
    for (const place of places.splice(0)) await place.close();
  },
};
