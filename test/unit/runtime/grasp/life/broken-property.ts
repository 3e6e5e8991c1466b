/** What proof.md promises (V2), by the number of the property there. */
export type PropertyName =
  | "1 nothing accepted is forgotten"
  | "2 what is served is complete"
  | "3 refs equal the newest complete state"
  | "3 refs are those of a served state"
  | "4 without authority nothing changes"
  | "5 a repetition changes nothing"
  | "6 what waits is in no answer"
  | "7 the order does not matter"
  | "8 nothing is left"
  | "lost tips are kept"
  | "deadlines";

/** One of the promises does not hold. */
export class BrokenProperty extends Error {
  override readonly name = "BrokenProperty";
  readonly property: PropertyName;

  constructor(property: PropertyName, detail: string) {
    super(`${property}: ${detail}`);
    this.property = property;
  }
}
