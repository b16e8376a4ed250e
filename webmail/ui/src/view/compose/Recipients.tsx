// A field of addresses: what is typed becomes chips, each with what will happen to that
// copy; names come from the contacts.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Address, Contact, ContactsModel, RecipientView, Suggestion } from "../../model/types.ts";
import { t } from "../../words/index.ts";
import { Avatar, Icon } from "../kit/index.ts";
import { add, parseList, plausible } from "./addresses.ts";
import { looks } from "./states.ts";

export interface RecipientsProps {
  label: string;
  value: readonly Address[];
  onValue: (value: Address[]) => void;
  contacts: Pick<ContactsModel, "complete" | "byAddress">;
  states: ReadonlyMap<string, RecipientView>;
  onAsk: (address: string) => void; // about its key
  autofocus?: boolean;
  after?: preact.ComponentChildren; // beside the field: Cc, Bcc
}

export function Recipients({ label, value, onValue, contacts, states, onAsk, autofocus, after }: RecipientsProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  useEffect(() => { if (autofocus) input.current?.focus(); }, []);
  const found = typed.trim().length > 0 ? contacts.complete(typed.trim(), 6).filter((s) => !value.some((v) => v.address.toLowerCase() === s.address.toLowerCase())) : [];
  const take = (more: readonly Address[]) => {
    onValue(add(value, more));
    setTyped("");
    setAt(0);
  };
  const commit = () => { if (typed.trim()) take(parseList(typed)); };

  const onKeyDown = (e: KeyboardEvent) => {
    const pick = found[at];
    if (e.key === "ArrowDown" && found.length > 0) setAt((at + 1) % found.length);
    else if (e.key === "ArrowUp" && found.length > 0) setAt((at - 1 + found.length) % found.length);
    else if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) return;
    else if ((e.key === "Enter" || e.key === "Tab") && pick && typed.trim()) take([pick]);
    else if (e.key === "Enter" || ((e.key === "," || e.key === ";") && plausible(typed.trim()))) commit();
    else if (e.key === "Backspace" && typed === "" && value.length > 0) onValue(value.slice(0, -1));
    else if (e.key === "Escape" && typed) setTyped("");
    else return;
    e.preventDefault();
    e.stopPropagation();
  };

  return (
    <div class="rcpt-row">
      <label for={id} class="rcpt-label">{label}</label>
      <div class="rcpt-field" onPointerDown={(e) => { if (e.target === e.currentTarget) { e.preventDefault(); input.current?.focus(); } }}>
        <ul class="rcpt-chips" aria-label={t("compose.in", { field: label })}>
          {value.map((a) => <RecipientChip key={a.address} address={a} contact={contacts.byAddress(a.address)} state={states.get(a.address.toLowerCase())}
            onAsk={() => onAsk(a.address)} onRemove={() => { onValue(value.filter((v) => v !== a)); input.current?.focus(); }} />)}
        </ul>
        <div class="rcpt-typing">
          <input ref={input} id={id} class="rcpt-input" type="text" inputMode="email" autocomplete="off" autocapitalize="none" spellcheck={false} value={typed}
            role="combobox" aria-autocomplete="list" aria-expanded={found.length > 0} aria-controls={`${id}-list`} aria-activedescendant={found.length > 0 ? `${id}-${at}` : undefined}
            onInput={(e) => { setTyped(e.currentTarget.value); setAt(0); }} onKeyDown={onKeyDown} onBlur={() => setTimeout(commit, 150)}
            onPaste={(e) => {
              const list = parseList(e.clipboardData?.getData("text/plain") ?? "");
              if (list.length > 1 || (list[0] && plausible(list[0].address))) { e.preventDefault(); take(list); }
            }} />
          {found.length > 0 && (
            <ul id={`${id}-list`} class="rcpt-found" role="listbox" aria-label={t("compose.suggestions")}>
              {found.map((s, i) => <Found key={s.address} id={`${id}-${i}`} suggestion={s} on={i === at} onPick={() => { take([s]); input.current?.focus(); }} onOver={() => setAt(i)} />)}
            </ul>
          )}
        </div>
      </div>
      {after && <div class="rcpt-after">{after}</div>}
    </div>
  );
}

function Found({ id, suggestion, on, onPick, onOver }: { id: string; suggestion: Suggestion; on: boolean; onPick: () => void; onOver: () => void }) {
  return (
    <li id={id} role="option" aria-selected={on} class={on ? "rcpt-one rcpt-on" : "rcpt-one"} onPointerDown={(e) => { e.preventDefault(); onPick(); }} onPointerMove={onOver}>
      <Avatar name={suggestion.name} address={suggestion.address} size={28} />
      <span><bdi>{suggestion.name || suggestion.address}</bdi>{suggestion.name && <small><bdi>{suggestion.address}</bdi></small>}</span>
    </li>
  );
}

function RecipientChip({ address, contact, state, onAsk, onRemove }: { address: Address; contact: Contact | undefined; state: RecipientView | undefined; onAsk: () => void; onRemove: () => void }) {
  const look = looks[plausible(address.address) ? state?.state ?? "checking" : "invalid"];
  const name = address.name || contact?.name || address.address;
  return (
    <li class={`rcpt-chip rcpt-${look.tone}`}>
      <button type="button" class="rcpt-name" onClick={onAsk} data-tip={`${address.address} · ${t(look.words)}`}>
        <Icon name={look.icon} /><bdi>{name}</bdi><span class="unseen">{address.address}, {t(look.words)}</span>
      </button>
      <button type="button" class="rcpt-away" aria-label={t("compose.remove", { address: address.address })} onClick={onRemove}><Icon name="close" /></button>
    </li>
  );
}
