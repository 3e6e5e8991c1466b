/** Kinds of events (NIP-01, 09, 34, 42, 62) that the service treats in a way of their own. */
export const KIND = {
  deletion: 5,
  vanish: 62,
  pullRequest: 1618,
  pullRequestUpdate: 1619,
  announcement: 30617,
  state: 30618,
  auth: 22242,
  graspList: 10317,
} as const;

/** Whether only the newest event of a kind and author counts (NIP-01). */
export function isReplaceable(kind: number): boolean {
  return kind === 0 || kind === 3 || (kind >= 10_000 && kind < 20_000);
}

/** Whether an event of this kind is never stored (NIP-01). */
export function isEphemeral(kind: number): boolean {
  return kind >= 20_000 && kind < 30_000;
}

/** Whether only the newest event of a kind, author and `d` counts (NIP-01). */
export function isAddressable(kind: number): boolean {
  return kind >= 30_000 && kind < 40_000;
}
