/**
 * Watches a quarantine while Git writes into it (S21): its size, and the number of objects that its pack announces.
 * @module
 */
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PackBounds } from "../../../runtime/grasp/ports.ts";
import type { Clock } from "../../../runtime/platform.ts";

/** How often it is looked at, in milliseconds. */
const EVERY_MS = 500;

/** What a quarantine has too much of. */
export type Excess = "too_large" | "too_many_objects";

/** What {@link watchQuarantine} tells. */
export interface QuarantineListener {
  /** It has grown. */
  onGrowth(): void;
  /** It is over a bound. Told once; the watch has ended then. */
  onExcess(excess: Excess): void;
}

/** Watches a folder of objects until the returned function is called. */
export function watchQuarantine(
  folder: string,
  bounds: PackBounds,
  clock: Pick<Clock, "after">,
  { onGrowth, onExcess }: QuarantineListener,
): () => void {
  let last = 0;
  let isOver = false;
  let cancel = () => {};
  const look = async () => {
    const { bytes, objects } = await contentOf(folder);
    if (isOver) return;
    const excess = excessOf(bytes, objects, bounds);
    if (excess !== null) {
      isOver = true;
      onExcess(excess);
      return;
    }
    if (bytes > last) onGrowth();
    last = bytes;
    next();
  };
  // A file that vanishes while it is looked at is looked for again.
  const next = () => {
    cancel = clock.after(EVERY_MS, () => {
      look().catch(() => {
        if (!isOver) next();
      });
    });
  };
  next();
  return () => {
    isOver = true;
    cancel();
  };
}

/** Whether a quarantine is over a bound now; `null`: it is not. */
export async function quarantineExcess(folder: string, bounds: PackBounds): Promise<Excess | null> {
  const { bytes, objects } = await contentOf(folder);
  return excessOf(bytes, objects, bounds);
}

function excessOf(bytes: number, objects: number, { maxBytes, maxObjects }: PackBounds): Excess | null {
  if (bytes > maxBytes) return "too_large";
  return objects > maxObjects ? "too_many_objects" : null;
}

/** Bytes in the folder, and objects that its packs announce in their heads. */
async function contentOf(folder: string): Promise<{ bytes: number; objects: number }> {
  let bytes = 0;
  let objects = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size } = await stat(path);
    bytes += size;
    if (/^(?:tmp_pack_|pack-.*\.pack$)/.test(entry.name)) objects += await announcedObjects(path);
  }
  return { bytes, objects };
}

/** The number in a pack's head; 0: it is not written yet. */
async function announcedObjects(path: string): Promise<number> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(12), 0, 12, 0);
    return bytesRead === 12 && buffer.toString("latin1", 0, 4) === "PACK" ? buffer.readUInt32BE(8) : 0;
  } finally {
    await file.close();
  }
}
