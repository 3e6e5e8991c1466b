/** The section about the servers that are asked for Git data. */

import { sumOf } from "../../../admin/figures.ts";
import { find, setText } from "../../../admin/page/dom.ts";
import { drawDomains } from "../../../admin/page/domains.ts";
import { formatNumber } from "../../../admin/page/numbers.ts";
import type { GraspStatus } from "../status.ts";

/** Draws the section. */
export function drawSync(status: GraspStatus): void {
  const total = (name: string) => formatNumber(sumOf(status, `purgatory_sync_${name}_total`));
  drawDomains(status.sync);
  setText(
    find("#sync-totals"),
    `${formatNumber(status.sync.queued)} identifiers in the queue. Since the start: ${total("attempts")} attempts, ` +
      `${total("items_fetched")} objects obtained, ${total("completed")} identifiers completed, ` +
      `${total("expired")} expired, ${total("refused")} refused.`,
  );
}
