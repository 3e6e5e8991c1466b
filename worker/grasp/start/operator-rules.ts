import { timingSafeEqual } from "node:crypto";
import { networkOf } from "../../../runtime/lib/addresses.ts";
import { createLogOnce } from "../../../runtime/observe/log.ts";
import type { OperatorRules } from "../../http/operator.ts";
import { WrongTokens } from "../../http/wrong-tokens.ts";
import type { OperatorBindings } from "../admin/operator-app.ts";
import type { Parts } from "./parts.ts";

/** How often wrong tokens are logged, in milliseconds. */
const LOG_ONCE_MS = 60_000;

/** Who is the operator, and who hears of others: for all addresses at which the operator's paths are. */
export function operatorRules({ settings, digests, nowMs, steady, shared }: Parts): OperatorRules {
  const logOnce = createLogOnce(shared.log, steady, LOG_ONCE_MS);
  return {
    tokenHash: () => settings.operator.tokenHash,
    readOnlyTokenHash: () => settings.operator.readOnlyTokenHash,
    hotPath: { equal: (a, b) => a.length === b.length && timingSafeEqual(a, b) },
    sha256Hex: digests.sha256Hex,
    boundTo: null,
    wrongTokens: new WrongTokens(nowMs),
    addressOf: ({ address }: OperatorBindings) => (address === null ? "" : networkOf(address)),
    onRefusal(reason) {
      shared.metrics.count("grasp_operator_refusals_total", { reason });
      if (reason === "wrong") logOnce.warn("operator token", "a wrong operator token was sent");
    },
  };
}
