/** Runs every vector on every packaging and prints wrong results as JSON. Runs on every host. */
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
