import { useEffect, useState } from "preact/hooks";
import type { Admin } from "../../model/admin.ts";
import type { AdminInvitation } from "../../wire/api.ts";
import { relative, t } from "../../words/index.ts";
import { Button, Dialog, Field, Icon, IconButton, Select, State } from "../kit/index.ts";
import { Failure } from "../parts/fault.tsx";
import { Loaded, Page, Row, Sheet } from "../parts/room.tsx";
import { seconds } from "../settings/devices.tsx";
import { Link } from "./link.tsx";

export function Invitations({ admin }: { admin: Admin }) {
  const [making, make] = useState(false);
  const [link, setLink] = useState<AdminInvitation | undefined>(undefined);
  useEffect(() => void admin.invitations.load(), [admin]);
  return (
    <Page title={t("admin.part.invitations")} lead={t("invite.lead")} actions={<Button kind="primary" icon="plus" onClick={() => make(true)}>{t("invite.new")}</Button>}>
      <Failure word={admin.failed.value} />
      {link && <Link made={link} onClose={() => setLink(undefined)} />}
      <Loaded of={admin.invitations}>{(all) => all.length === 0 ? <p class="room-empty">{t("invite.none")}</p> : (
        <Sheet label={t("admin.part.invitations")}>
          {all.map((i) => {
            const name = i.address ?? t("invite.any");
            const over = seconds(i.expires) < Date.now() / 1000;
            return (
              <Row key={i.id} lead={<Icon name="mail" />} title={<><bdi>{name}</bdi>{i.attach && <State>{t("invite.attach")}</State>}{over && <State tone="warn">{t("invite.over")}</State>}</>}
                detail={t("invite.times", { made: relative(seconds(i.created)), ends: relative(seconds(i.expires)) })}>
                <IconButton icon="trash" danger label={t("invite.withdraw", { name })} onClick={() => void admin.withdraw(i.id)} />
              </Row>
            );
          })}
        </Sheet>
      )}</Loaded>
      {making && <Make admin={admin} onClose={() => make(false)} onMade={(l) => { make(false); setLink(l); }} />}
    </Page>
  );
}

function Make({ admin, onClose, onMade }: { admin: Admin; onClose: () => void; onMade: (l: AdminInvitation) => void }) {
  const [address, setAddress] = useState("");
  const [days, setDays] = useState("7");
  const a = address.trim();
  const wrong = a !== "" && !/^[^\s@]+@[^\s@]+$/.test(a);
  const make = async () => {
    const made = await admin.invite({ days: Number(days), ...(a ? { address: a } : {}) });
    if (made !== undefined && made !== true) onMade(made);
  };
  return (
    <Dialog title={t("invite.new")} onClose={onClose} onSubmit={() => { if (!wrong) void make(); }}
      actions={<><Button onClick={onClose}>{t("kit.cancel")}</Button><Button kind="primary" type="submit" busy={admin.busy.value} disabled={wrong}>{t("invite.make")}</Button></>}>
      <div class="room-form">
        <Field type="email" label={t("invite.address")} hint={t("invite.address.hint")} value={address} onValue={setAddress} autofocus error={wrong ? t("contacts.bad") : undefined} />
        <Select label={t("invite.days")} value={days} onValue={setDays} options={[1, 3, 7, 30].map((n) => ({ value: String(n), label: t("invite.n", { n }) }))} />
        <Failure word={admin.failed.value} />
      </div>
    </Dialog>
  );
}
