/**
 * What the server has acknowledged, and whether the store holds it. An answer is an acknowledgement; a request that got
 * none, because its server was killed, may have been carried out or not.
 * @module
 */
import { type GraphEntry, isTombstone } from "../../../runtime/ec/graph/entry.ts";

/** One visitor as acknowledged. */
interface Known {
  address: string;
  /** Lives where consent is asked for, and gave it. */
  wasAsked: boolean;
  isWithdrawn: boolean;
  /** A withdrawal was sent and not answered. */
  mayBeWithdrawn: boolean;
  /** When the uploading partner's id was given, in seconds since the epoch: the newest acknowledged, and the newest sent. */
  uploaded: number;
  sent: number;
  hasPixel: boolean;
}

/** How many writes of each kind were acknowledged. */
export interface Counts {
  minted: number;
  /** Those of them that were minted for a visitor who was asked, and consented. */
  consented: number;
  withdrawn: number;
  uploaded: number;
  pixels: number;
  /** Requests that a killed server left without an answer. */
  unanswered: number;
  /** Those of them that would have minted an id. */
  unansweredMints: number;
}

/** What the store holds against what was acknowledged. */
export interface Audit {
  /** Acknowledged and not in the store, or withdrawn and still there: each with what is wrong. */
  faults: string[];
  /** Live entries in the store. */
  live: number;
  /** Live entries that should be there, as acknowledged. */
  expected: number;
  /** Live entries of which nobody was told: at most as many as there were unanswered requests. */
  unacknowledged: number;
  /** Visitors whose withdrawal was sent and not answered. */
  undecided: number;
}

/** The uploading partner's id that goes with a time. */
export const uploadUid = (seconds: number) => `upload-${seconds}`;
export const pixelUid = (id: string) => `pixel-${id.slice(-6)}`;

/** The ledger of one soak. */
export class Ledger {
  readonly visitors = new Map<string, Known>();
  readonly counts: Counts = {
    minted: 0,
    consented: 0,
    withdrawn: 0,
    uploaded: 0,
    pixels: 0,
    unanswered: 0,
    unansweredMints: 0,
  };

  minted(id: string, address: string, wasAsked = false): void {
    this.counts.minted++;
    if (wasAsked) this.counts.consented++;
    this.visitors.set(id, {
      ...{ address, wasAsked, isWithdrawn: false, mayBeWithdrawn: false },
      ...{ uploaded: 0, sent: 0, hasPixel: false },
    });
  }

  withdrawn(id: string): void {
    this.counts.withdrawn++;
    this.visitors.get(id)!.isWithdrawn = true;
  }

  sending(id: string, seconds: number): void {
    const visitor = this.visitors.get(id)!;
    visitor.sent = Math.max(visitor.sent, seconds);
  }

  uploaded(id: string, seconds: number): void {
    this.counts.uploaded++;
    const visitor = this.visitors.get(id)!;
    visitor.uploaded = Math.max(visitor.uploaded, seconds);
  }

  pixel(id: string): void {
    this.counts.pixels++;
    this.visitors.get(id)!.hasPixel = true;
  }

  /** Holds the ledger against the store. @param entries all of the store's, by id */
  audit(entries: ReadonlyMap<string, GraphEntry>): Audit {
    const faults: string[] = [];
    let expected = 0;
    let undecided = 0;
    let liveAndKnown = 0;
    for (const [id, visitor] of this.visitors) {
      const entry = entries.get(id);
      const isLive = entry !== undefined && !isTombstone(entry);
      if (isLive) liveAndKnown++;
      if (visitor.mayBeWithdrawn && !visitor.isWithdrawn) {
        undecided++;
        if (entry === undefined) faults.push(`${id.slice(0, 8)}: an acknowledged id is gone`);
        continue;
      }
      if (visitor.isWithdrawn) {
        if (isLive) faults.push(`${id.slice(0, 8)}: withdrawn, and still there`);
        if (entry === undefined) faults.push(`${id.slice(0, 8)}: withdrawn, and no tombstone`);
        continue;
      }
      expected++;
      if (!isLive) faults.push(`${id.slice(0, 8)}: an acknowledged id is gone`);
      else faults.push(...this.#faultsOf(id, visitor, entry));
    }
    const live = [...entries.values()].filter((entry) => !isTombstone(entry)).length;
    return { faults, live, expected, unacknowledged: live - liveAndKnown, undecided };
  }

  #faultsOf(id: string, { uploaded, sent, hasPixel }: Known, { ids }: GraphEntry): string[] {
    const faults: string[] = [];
    const upload = ids.uploader;
    if (uploaded > 0) {
      if (upload === undefined) faults.push("an acknowledged upload is gone");
      else if (upload.synced < uploaded) faults.push("an older upload than the acknowledged one");
    }
    // One that was sent last and not answered may stand, or not.
    if (upload !== undefined && (upload.synced > sent || upload.uid !== uploadUid(upload.synced)))
      faults.push("an upload that was never sent");
    if (hasPixel && ids.pixel?.uid !== pixelUid(id)) faults.push("an acknowledged pixel is gone");
    return faults.map((fault) => `${id.slice(0, 8)}: ${fault}`);
  }
}
