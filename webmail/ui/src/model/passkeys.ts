// WebAuthn as the session needs it. What the PRF gives opens keys: it goes to the vault and
// is cut out of everything that goes to the server.

export interface PasskeyAnswer {
  credential: unknown; // for the server
  id: string;
  prf: ArrayBuffer | null; // null: this passkey signs in, and unlocks nothing
}
export interface PasskeyHost {
  get(options: unknown): Promise<PasskeyAnswer>;
  create(options: unknown): Promise<PasskeyAnswer>;
}

interface Extended {
  prf?: { enabled?: boolean; results?: { first?: ArrayBuffer } };
}
type Parsing = typeof PublicKeyCredential & {
  parseRequestOptionsFromJSON(o: unknown): PublicKeyCredentialRequestOptions;
  parseCreationOptionsFromJSON(o: unknown): PublicKeyCredentialCreationOptions;
};

// Of a credential's JSON, without any result of an extension but that PRF is there.
export function withoutSecrets(json: Record<string, unknown>): Record<string, unknown> {
  const was = json["clientExtensionResults"] as Extended | undefined;
  return { ...json, clientExtensionResults: was?.prf?.enabled === undefined ? {} : { prf: { enabled: was.prf.enabled } } };
}

export function browserPasskeys(): PasskeyHost | null {
  const type = (globalThis as { PublicKeyCredential?: Parsing }).PublicKeyCredential;
  if (!type?.parseRequestOptionsFromJSON || !navigator.credentials) return null;
  const input = async () => ({ prf: { eval: { first: await crypto.subtle.digest("SHA-256", new TextEncoder().encode("sealpost prf v1")) } } }) as AuthenticationExtensionsClientInputs;
  const answer = (c: Credential | null): PasskeyAnswer => {
    if (!(c instanceof PublicKeyCredential)) throw new Error("the browser gave no passkey");
    const results = c.getClientExtensionResults() as Extended;
    return { credential: withoutSecrets(c.toJSON() as unknown as Record<string, unknown>), id: c.id, prf: results.prf?.results?.first ?? null };
  };
  const inner = (o: unknown) => ((o as { publicKey?: unknown }).publicKey ?? o);
  return {
    async get(options) {
      const o = type.parseRequestOptionsFromJSON(inner(options));
      return answer(await navigator.credentials.get({ publicKey: { ...o, extensions: { ...o.extensions, ...(await input()) } } }));
    },
    async create(options) {
      const o = type.parseCreationOptionsFromJSON(inner(options));
      const made = await navigator.credentials.create({ publicKey: { ...o, extensions: { ...o.extensions, ...(await input()) } } });
      const first = answer(made);
      if (first.prf) return first;
      // Many authenticators answer PRF only when they are asked to sign in.
      try {
        const again = await navigator.credentials.get({
          publicKey: { challenge: crypto.getRandomValues(new Uint8Array(32)), allowCredentials: [{ type: "public-key", id: (made as PublicKeyCredential).rawId }], extensions: await input() },
        });
        return { ...first, prf: answer(again).prf };
      } catch {
        return first;
      }
    },
  };
}
