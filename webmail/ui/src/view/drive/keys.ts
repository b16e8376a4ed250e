// Keys of the whole room, before those of the mail see them.
import { useEffect } from "preact/hooks";

const typing = (el: EventTarget | null) => el instanceof HTMLElement && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) && !["checkbox", "radio"].includes((el as HTMLInputElement).type));
const busy = () => document.querySelector("dialog[open], .menu:popover-open") !== null;

export function useKeys({ search, up }: { search: string; up: () => void }): void {
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (busy() || e.ctrlKey || e.metaKey) return;
      if (e.key === "Escape" && e.target instanceof HTMLInputElement && e.target.id === search) e.target.blur();
      else if (typing(e.target)) return;
      else if (e.key === "/") document.getElementById(search)?.focus();
      else if (e.key === "Backspace" || (e.altKey && e.key === "ArrowUp")) up();
      else return;
      e.preventDefault();
      e.stopPropagation();
    };
    addEventListener("keydown", press, { capture: true });
    return () => removeEventListener("keydown", press, { capture: true });
  }, [search, up]);
}
