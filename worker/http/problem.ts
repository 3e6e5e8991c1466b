/** The error body of every route: a stable code for programs, and a message that says what is wrong and how to fix it. */
export function problem(error: string, message: string): { error: string; message: string } {
  return { error, message };
}
