/** Confirmation before an action that cannot be undone, and the notice after an action. */
import { find } from "./dom.ts";

/** Asks for confirmation. @returns whether the operator confirmed */
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

/** Shows what was done. Screen readers announce it. */
export function announce(text: string): void {
  const notice = find("#done");
  notice.textContent = text;
  notice.hidden = false;
}
