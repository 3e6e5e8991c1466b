/** The section about the relays that are followed. */
import { el, find, setText } from "../../../admin/page/dom.ts";
import { formatNumber } from "../../../admin/page/numbers.ts";
import { figure, fillTable, row, rowHead } from "../../../admin/page/table.ts";
import type { GraspStatus, RelayStatus } from "../status.ts";
import { ago, cell, cut, drawLeftOut, until } from "./cells.ts";

const STATES: Record<RelayStatus["state"], [text: string, look: string]> = {
  disconnected: ["not connected", "bad"],
  connecting: ["connecting", "plain"],
  syncing: ["reading its history", "good"],
  connected: ["connected", "good"],
  "connected-history-failed": ["connected; a part of its history failed", "warm"],
  avoided: ["left alone", "bad"],
};

/** Draws the section. */
export function drawRelays({ relays, now_ms }: GraspStatus): void {
  fillTable(
    "#relay-list",
    (relays?.list ?? []).map((relay) => relayRow(relay, now_ms)),
  );
  drawLeftOut("#relay-list-left-out", relays?.list_left_out ?? 0, "relays");
  setText(
    find("#relays-note"),
    relays === null
      ? "Relay sync is off."
      : `Refused events that may be let in later: ${formatNumber(relays.refused_hot)} kept, ` +
          `${formatNumber(relays.refused_cold)} known by their id.`,
  );
}

function relayRow(relay: RelayStatus, nowMs: number): HTMLElement {
  const { url, is_bootstrap, state, health, retry_at_ms, failures, avoided_because } = relay;
  const [text, look] = STATES[state];
  const why = avoided_because ?? (health === "healthy" || health === "stable" ? null : health);
  return row(
    rowHead(cut(url), is_bootstrap ? el("small", {}, "from the settings") : null),
    cell("state", el("i", { class: `dot ${look}` }), text, why === null ? null : el("small", {}, why)),
    cell(
      "tried again",
      retry_at_ms === null ? "–" : until(retry_at_ms, nowMs),
      failures === 0 ? null : el("small", {}, `failed ${formatNumber(failures)}×`),
    ),
    cell(
      "last whole history",
      relay.history_at_ms === null ? el("small", {}, "not yet") : ago(relay.history_at_ms, nowMs),
    ),
    figure("still to come", formatNumber(relay.pending)),
    figure("repositories", formatNumber(relay.identifiers)),
  );
}
