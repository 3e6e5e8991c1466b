/**
 * Types of the service worker's globals that are used here. TypeScript's DOM library describes pages only.
 * @module
 */

/** An event that keeps the service worker alive for its work. */
export interface LongEvent {
  waitUntil(work: Promise<unknown>): void;
}

/** A `fetch` event. */
export interface RequestEvent extends LongEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

interface Events {
  install: LongEvent;
  activate: LongEvent;
  fetch: RequestEvent;
  /** Background Sync: the device is online again. */
  sync: LongEvent & { readonly tag: string };
  /** A cookie that was subscribed to has changed. */
  cookiechange: LongEvent;
}

interface Scope {
  addEventListener<Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): void;
  skipWaiting(): Promise<void>;
  readonly location: URL;
  readonly navigator: { readonly onLine: boolean; readonly globalPrivacyControl?: boolean };
  /** Not in every browser. */
  readonly cookieStore?: CookieStore;
  readonly registration: {
    readonly scope: string;
    /** The site's service worker that answers its pages; `null` before the first is installed. */
    readonly active: object | null;
    /** Not in every browser. */
    readonly sync?: { register(tag: string): Promise<void> };
    /** Not in every browser. */
    readonly cookies?: { subscribe(cookies: { name: string; url: string }[]): Promise<void> };
  };
}

export const scope = globalThis as unknown as Scope;
