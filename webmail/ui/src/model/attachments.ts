// What becomes of an account's large attachments, and the key to which the server seals
// how those files open that it made for their owner.
import type { Attachments } from "../wire/api.ts";
import type { Api } from "../wire/http.ts";
import type { Vault } from "../vault/vault.ts";
import type { SealedCache } from "./cache.ts";
import { tries } from "./devices.ts";
import { resource } from "./resource.ts";

const sizes = [1_000_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000];

// sizesWith are those to choose from, and the one that is chosen.
export const sizesWith = (chosen: number): number[] => [...new Set([...sizes, chosen])].sort((a, b) => a - b);

type Doors = Pick<Api, "attachments" | "putAttachments">;

const base64 = (b: ArrayBuffer): string => btoa(String.fromCharCode(...new Uint8Array(b)));

// withKey reads the settings, and gives the server the owner's key where it has none, or
// another: without it the server makes no file of what programs send.
export async function withKey(api: Doors, vault: Pick<Vault, "dropKey">): Promise<Attachments> {
  const [now, key] = [await api.attachments(), base64(await vault.dropKey())];
  return now.key === key ? now : api.putAttachments({ ...now, key });
}

const AGAIN = 7 * 86_400_000; // ms
interface Given { key: string; at: number }

// keyOnce does so as a device opens: not at every load, only where it has not yet seen this
// key there, or not for a week, since a server may lose it or have another.
export async function keyOnce(api: Doors, vault: Pick<Vault, "dropKey">, cache: Pick<SealedCache, "get" | "put">, now: number): Promise<void> {
  const key = base64(await vault.dropKey()), given = await cache.get<Given>("state", "drop-key").catch(() => undefined);
  if (given?.key === key && given.at <= now && now - given.at < AGAIN) return;
  await withKey(api, vault);
  await cache.put("state", "drop-key", { key, at: now } satisfies Given);
}

export function createAttachments(api: Doors, vault: Pick<Vault, "dropKey">) {
  const settings = resource<Attachments>(() => withKey(api, vault));
  const doing = tries();
  return {
    settings,
    failed: doing.failed,
    change: (c: Partial<Attachments>) => doing.run(async () => {
      const now = settings.value.peek();
      if (now) settings.set(await api.putAttachments({ ...now, ...c }));
    }),
  };
}
