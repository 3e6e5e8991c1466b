/** Asks every packaging every vector and prints what was answered wrongly, as JSON: the same on every host. */
import { answersOf } from "./answers.ts";
import { hotPathOf, packagings } from "./packagings.ts";
import { faults } from "./vectors.ts";

console.log(
  JSON.stringify(
    packagings.map((kernels) => ({
      kernels: kernels.packaging,
      faults: faults(answersOf(hotPathOf(kernels))),
    })),
  ),
);
