/**
 * Tells pieces of work that their result is not wanted any more. Not an `AbortController`: on Cloudflare a request may not abort
 * the controller that another request made.
 */
export class Cancellation {
  #isCancelled = false;

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  cancel(): void {
    this.#isCancelled = true;
  }
}
