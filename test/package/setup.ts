import { buildPackage } from "../support/starter.ts";

/** Builds the package once, before the tests of this project. */
export default function setup(): void {
  buildPackage();
}
