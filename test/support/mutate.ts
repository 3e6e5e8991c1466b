/**
 * Damages strings, like a faulty proxy, a faulty script or an attacker.
 * @module
 */
import fc from "fast-check";

type Damage = (text: string) => string;

/** Makes one to three kinds of damage at random places, with characters of `alphabet`. */
export function damage(alphabet: string): fc.Arbitrary<Damage> {
  // Each place has the same probability; by default the library prefers the ends.
  const place = fc.noBias(fc.nat({ max: 9999 })).map((tenThousandth) => tenThousandth / 10_000);
  const character = fc.nat({ max: alphabet.length - 1 }).map((index) => alphabet[index]!);
  const at = (text: string, where: number) => Math.floor(where * text.length);
  const one: fc.Arbitrary<Damage> = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(place, character).map(([where, put]) => replace(where, 1, put)) },
    { weight: 2, arbitrary: fc.tuple(place, character).map(([where, put]) => replace(where, 0, put)) },
    { weight: 2, arbitrary: place.map((where) => replace(where, 1, "")) },
    { weight: 1, arbitrary: place.map((where) => (text: string) => text.slice(0, at(text, where))) },
    { weight: 1, arbitrary: place.map((where) => (text: string) => text.slice(at(text, where))) },
    { weight: 1, arbitrary: place.map((where) => (text: string) => text + text.slice(at(text, where))) },
  );
  function replace(where: number, count: number, put: string): Damage {
    return (text) => text.slice(0, at(text, where)) + put + text.slice(at(text, where) + count);
  }
  return fc
    .array(one, { minLength: 1, maxLength: 3 })
    .map((steps) => (text: string) => steps.reduce((result, step) => step(result), text));
}
