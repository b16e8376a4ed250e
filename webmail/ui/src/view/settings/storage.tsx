// What is kept, by mailbox: a picture, and the same as a table.
import { useEffect, useMemo } from "preact/hooks";
import { resource } from "../../model/resource.ts";
import type { Usage } from "../../wire/api.ts";
import { bytes, number, t } from "../../words/index.ts";
import { Bar, type Slice } from "../admin/chart.tsx";
import { Page, Section, Loaded } from "../parts/room.tsx";
import type { Room } from "./index.tsx";

const kinds = ["a", "b", "c", "d", "e"];

// slicesOf shows the four largest mailboxes by name and the others together.
export function slicesOf(boxes: readonly { name: string; bytes: number }[], cabinet: number, files: number, words: { rest: string; cabinet: string; files: string }): Slice[] {
  const large = [...boxes].filter((b) => b.bytes > 0).sort((a, b) => b.bytes - a.bytes);
  const shown = large.slice(0, 4).map((b, i): Slice => ({ label: b.name, value: b.bytes, kind: kinds[i] ?? "e", text: bytes(b.bytes) }));
  const rest = large.slice(4).reduce((n, b) => n + b.bytes, 0);
  if (rest > 0) shown.push({ label: words.rest, value: rest, kind: "e", text: bytes(rest) });
  if (files > 0) shown.push({ label: words.files, value: files, kind: "g", text: bytes(files) });
  if (cabinet > 0) shown.push({ label: words.cabinet, value: cabinet, kind: "f", text: bytes(cabinet) });
  return shown;
}

export function Storage({ app, desk }: Room) {
  const usage = useMemo(() => resource<Usage>(() => app.api.usage()), [app]);
  useEffect(() => void usage.load(), []);
  const boxes = desk.sync.mailboxes.value;
  const named = boxes.map((b) => ({ name: b.leaf, bytes: b.bytes }));
  return (
    <Page title={t("settings.part.storage")} lead={t("storage.lead")}>
      <Loaded of={usage}>{(u) => {
        const all = u.bytes + u.cabinet;
        return (
          <Section title={u.quota > 0 ? t("storage.of", { used: bytes(all), quota: bytes(u.quota) }) : t("storage.used", { used: bytes(all) })}>
            <Bar label={t("settings.part.storage")} whole={u.quota > 0 ? u.quota : all} slices={slicesOf(named, u.cabinet, u.files, { rest: t("storage.rest"), cabinet: t("storage.cabinet"), files: t("storage.files") })} />
          </Section>
        );
      }}</Loaded>
      <Section title={t("storage.boxes")}>
        <div class="data-box">
          <table class="data">
            <thead><tr><th scope="col">{t("storage.box")}</th><th scope="col" class="number">{t("storage.mails")}</th><th scope="col" class="number">{t("storage.size")}</th></tr></thead>
            <tbody>{boxes.map((b) => <tr key={b.id}><th scope="row"><bdi>{b.name}</bdi></th><td class="number">{number(b.messages)}</td><td class="number">{bytes(b.bytes)}</td></tr>)}</tbody>
          </table>
        </div>
      </Section>
    </Page>
  );
}
