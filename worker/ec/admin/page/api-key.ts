/** A partner's new API key: made in the browser and shown once. */
import { find } from "../../../admin/page/dom.ts";

/** Makes a key of 256 random bits, in the form of `millrace keys`. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Shows a new API key. The page forgets it when the dialog closes. */
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
      copied.textContent = "The browser does not let this page copy. The key is selected: copy it yourself.";
    }
  };
  // Escape pressed too early would lose the key.
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
