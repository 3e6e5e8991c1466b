/**
 * The picture at `/icon.png`: the operator's, or our own.
 * @module
 */
import { readFileSync } from "node:fs";
import type { Fault } from "../../runtime/lib/schema.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Largest icon, in bytes. */
const MAX_BYTES = 1024 ** 2;

/** Why a file is no icon; `null`: it is one, or none is configured. */
export function iconFault(path: string | null): Fault | null {
  if (path === null) return null;
  const fault = (found: string): Fault => ({ field: "icon", found, expected: "a PNG file of at most 1 MiB" });
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    return fault(`"${path}", which cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte)) return fault(`"${path}", which is no PNG`);
  return bytes.length > MAX_BYTES ? fault(`"${path}" of ${bytes.length} bytes`) : null;
}

/** The bytes of the configured icon, or of our own. */
export function readIcon(path: string | null): Uint8Array<ArrayBuffer> {
  return new Uint8Array(path === null ? Buffer.from(OUR_OWN, "base64") : readFileSync(path));
}

/** The mill's water, 64 by 64 pixels. */
const OUR_OWN =
  "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAYAAACqaXHeAAAB/klEQVR42u1bvUrFMBjNEzg6ODgIOmof4CLdxMlOOondHO8iON5R" +
  "dOmks+Do4uYkF9wcxM21gw9Q3yDmK71Srm2TJimp9zuFA6X5+XIOSZocEiEMnrWNrVghU5grFApypCiqNlJbY+H6qEpShXzEhHWg" +
  "tqc2xCOFj39MfBnEJTIln4y8m7sMj8SEvFxxJF3dvmAgQNE4HFZszGvnhKbZXjJDWhcgZyhAXl/kSKaIRbVq4ipAJqqlI1cB5oLJ" +
  "r6/1lygYky8BASBAzwK7B8fy7OZBzp4/Zfb+XYLe6RulDd1g3/GNBdiZHMrp/ctv0DZQHsrrm/hQ8Y0E2D+dagMvg8r4Ij9kfK0A" +
  "1LX6Bl+AyrqSHzq+VgDb4D5EcCG/gLUAJ7M7efX65dwAWxF8kCcQB+LSSwAqoKv06OJarm/vlaB3nVjnt09lXh1xykN5fcdvE6FR" +
  "gK7KLh/f5GY0+VOGvlFaVyMovUsESjOpwyY+cXIWICQB1/i9BGgaAqG7sGv8XkOgPgnqJpGhJzHbSdS0/YPuBXyI4GMtEXQzFHoh" +
  "NYrdYOil9Ci2w6E3U6PxA0Jvp2GIwBCBIQJDBIYIDBEYIjBEYIjAEIEhAkMEhggMERgiMERgiMAQgQA4Jsf+oCT7o7K8D0uzPy6P" +
  "CxO4MoNLU7g2h4uTuDqLy9Nsr8//AA5VouhIdn6WAAAAAElFTkSuQmCC";
