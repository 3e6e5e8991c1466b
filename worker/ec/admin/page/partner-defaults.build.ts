/**
 * The defaults of a partner's record by their names in the API. The build evaluates this module and puts only its value into
 * the page, so that the page does not carry the schema.
 */
import { partnerToWire } from "../../../../runtime/ec/answers/admin.ts";
import { parsePartner } from "../../../../runtime/ec/partners/partner.ts";

const parsed = parsePartner({ id: "id" }, { allowInsecure: false });
if ("faults" in parsed) throw new Error("A record with an id alone must be valid");
const { apiKey: _, previousApiKey: __, ...partner } = parsed.partner;

/** What a new partner has unless the operator enters something else. `id` and `name` have no default. */
const defaults = { ...partnerToWire(partner, "registered"), id: null, name: null } as Readonly<
  Record<string, string | number | boolean | readonly string[] | null>
>;
export default defaults;
