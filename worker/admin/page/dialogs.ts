/** The questions that the page asks before it does what cannot be undone, and the one thing it shows only once. */
import { find } from "./dom.ts";

/** Asks whether to go on. @returns whether the operator said so */
export function confirmed(title: string, text: string, action: string): Promise<boolean> {
  const dialog = find<HTMLDialogElement>("#confirm");
  find("h2", dialog).textContent = title;
  find("p", dialog).textContent = text;
  find("button[value=yes]", dialog).textContent = action;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** 256 bits, spelled as `millrace keys` does. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Shows a new API key, once: when the dialog closes, the page has forgotten it. */
export function showKey(partner: string, key: string): Promise<void> {
  const dialog = find<HTMLDialogElement>("#new-key");
  const field = find<HTMLTextAreaElement>("textarea", dialog);
  const copied = find("[role=status]", dialog);
  find("#new-key-partner").textContent = partner;
  field.value = key;
  copied.textContent = "";
  find<HTMLButtonElement>("#copy-key").onclick = async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(key);
      copied.textContent = "Copied.";
    } catch {
      copied.textContent = "The browser does not let this page copy: the key is marked, copy it yourself.";
    }
  };
  // Whoever presses Escape too soon would have to make another key.
  dialog.onkeydown = (event) => {
    if (event.key === "Escape") event.preventDefault();
  };
  dialog.showModal();
  field.select();
  return new Promise((resolve) => {
    const forget = () => {
      field.value = "";
      resolve();
    };
    dialog.addEventListener("close", forget, { once: true });
  });
}

/** Says what was done, where screen readers hear it, too. */
export function announce(text: string): void {
  const notice = find("#done");
  notice.textContent = text;
  notice.hidden = false;
}
