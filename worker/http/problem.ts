/** The error body that every route answers with: a stable code, and what is wrong and how to mend it. */
export function problem(error: string, message: string): { error: string; message: string } {
  return { error, message };
}
