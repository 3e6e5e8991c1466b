/** The vendors that the Gazette asks about. */
export const VENDORS: readonly number[];
/**
 * @param choice `country`: the publisher's, two upper-case letters
 */
export function tcString(choice: { granted: boolean; country: string; nowMs: number }): string;
/** Whether a TC string, as written here, consents to Purpose 1. */
export function isGranted(string: string): boolean;
/** The value of the `__gpp` cookie; its sections, for `__gpp_sid`, are `7`. */
export function usNationalString(choice: { optedOut: boolean; gpc: boolean }): string;
/** The value of the `us_privacy` cookie. */
export function usPrivacyString(choice: { optedOut: boolean }): string;
