// All links of the owner: what each leads to, how long and how often, when it was used last.
import { useEffect, useState } from "preact/hooks";
import { type LinkView, sharesOf } from "../../model/drive/shares.ts";
import type { App, Desk } from "../../model/types.ts";
import { bytes, exactDate, fullDate, number, relative, t, type Key } from "../../words/index.ts";
import { Button, Dialog, EmptyState, Icon, State, confirm, say } from "../kit/index.ts";
import { Page, Row, Section, Sheet } from "../parts/room.tsx";
import { Waiting } from "./waiting.tsx";
import { Change, Made } from "./share.tsx";

export const stateWords: { [state in LinkView["state"]]: Key } = { open: "share.link", expired: "share.state.expired", "used-up": "share.state.used", revoked: "share.state.revoked", killed: "share.state.killed" };
type Doing = { what: "show" | "change" | "used"; link: LinkView };

export default function Links({ app, desk }: { app: App; desk: Desk }) {
  const shares = sharesOf(app, desk), links = shares.links.value;
  const [doing, act] = useState<Doing>(), [failed, fail] = useState(false);
  const load = () => { fail(false); shares.load().catch(() => fail(true)); };
  useEffect(load, [shares]);
  const revoke = async (l: LinkView) => {
    if (!(await confirm({ title: t("share.revoke.ask"), text: t("share.revoke.text"), yes: t("share.revoke"), danger: true }))) return;
    await shares.revoke(l.id).catch(() => say(t("share.failed")));
  };
  const open = links?.filter((l) => l.state === "open") ?? [], over = links?.filter((l) => l.state !== "open") ?? [];
  return (
    <Page title={t("share.links")}>
      <Waiting value={links} failed={failed} again={load}>
        {links?.length === 0 && <EmptyState art="link" title={t("share.none")} />}
        {open.length > 0 && (
          <Sheet label={t("share.links")}>
            {open.map((l) => (
              <LinkRow key={l.id} link={l}>
                {l.url && <Button icon="link" onClick={() => act({ what: "show", link: l })}>{t("share.show")}</Button>}
                <Button onClick={() => act({ what: "change", link: l })}>{t("share.change")}</Button>
                {l.count > 0 && <Button onClick={() => act({ what: "used", link: l })}>{t("share.used")}</Button>}
                <Button kind="danger" onClick={() => void revoke(l)}>{t("share.revoke")}</Button>
              </LinkRow>
            ))}
          </Sheet>
        )}
        {over.length > 0 && (
          <Section title={t("letters.over")}>
            <Sheet label={t("letters.over")}>
              {over.map((l) => (
                <LinkRow key={l.id} link={l}>
                  {(l.state === "expired" || l.state === "used-up") && <Button onClick={() => act({ what: "change", link: l })}>{t("share.change")}</Button>}
                  {l.count > 0 && <Button onClick={() => act({ what: "used", link: l })}>{t("share.used")}</Button>}
                  <Button onClick={() => void shares.forget(l.id).catch(() => say(t("share.failed")))}>{t("share.forget")}</Button>
                </LinkRow>
              ))}
            </Sheet>
          </Section>
        )}
      </Waiting>
      {doing?.what === "show" && <Made desk={desk} url={doing.link.url} password="" title={t("share.link")} onClose={() => act(undefined)} />}
      {doing?.what === "change" && <Change link={doing.link} save={(o) => shares.change(doing.link.id, o)} onClose={() => act(undefined)} />}
      {doing?.what === "used" && (
        <Dialog title={t("share.used")} onClose={() => act(undefined)} actions={<Button kind="primary" onClick={() => act(undefined)}>{t("kit.close")}</Button>}>
          <ol class="share-used">{doing.link.used.map((at, i) => <li key={i}>{exactDate(at / 1000)}</li>)}</ol>
        </Dialog>
      )}
    </Page>
  );
}

function LinkRow({ link: l, children }: { link: LinkView; children: preact.ComponentChildren }) {
  const count = t("share.count", { n: l.count }) + (l.most > 0 ? ` / ${number(l.most)}` : "");
  return (
    <Row lead={<Icon name={l.password ? "lock" : "link"} />}
      title={<>{l.name ? <bdi>{l.name}</bdi> : t("share.unknown")}{l.state !== "open" && <State>{t(stateWords[l.state])}</State>}{l.password && <State>{t("protect.password")}</State>}</>}
      detail={<>{l.name && <>{bytes(l.length)} · </>}{t("share.until", { when: fullDate(l.ends / 1000) })} · {count}{l.used[0] !== undefined && <> · {t("share.last", { when: relative(l.used[0] / 1000) })}</>}</>}>
      {children}
    </Row>
  );
}
