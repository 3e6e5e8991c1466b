/**
 * Validating an EC id, as it comes out of a cookie header, against the form as a compiled regular expression.
 * @module
 */
import { createHotPath } from "../../wasm/hotpath.ts";
import { inlineKernels } from "../../wasm/inline.ts";
import { type Contender, measure, report } from "./harness.ts";

const random = { fill: (target: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(target) };
const hotPath = createHotPath(inlineKernels(), { maxKeys: 1, random });
hotPath.setKey(0, new TextEncoder().encode("publisher-chosen-secret"));

const form = /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/;
const ids = Array.from({ length: 1024 }, (_, i) => {
  const header = `session=${i}; ts-ec=${hotPath.mint(0, `203.0.${i >> 8}.${i & 255}`)}; theme=dark`;
  return header.split("; ")[1]!.slice("ts-ec=".length);
});

const validating = (name: string, validate: (id: string) => boolean): Contender => ({
  name,
  run(times) {
    let valid = 0;
    for (let i = 0; i < times; i++) if (validate(ids[i & 1023]!)) valid++;
    if (valid !== times) throw new Error(`${name} refuses an id`);
  },
});

report(
  await measure([
    validating("millrace", (id) => hotPath.validate(id)),
    validating("a compiled regular expression", (id) => form.test(id)),
  ]),
);
