/**
 * What follows a response, by how its request ended.
 * @module
 */
import type { Finalization } from "./finalize.ts";

/** Whether the visit may be written to the graph as the id's last one. New ids are written before the response. */
export function mayTouch({ branch }: Finalization): boolean {
  return branch === "returning";
}

/**
 * Whether partners may be asked for the visitor.
 * @param isOrganic the wrapped handler answered; the service's own routes never pull.
 */
export function mayPull({ branch }: Finalization, isOrganic: boolean): boolean {
  return isOrganic && (branch === "returning" || branch === "new");
}
