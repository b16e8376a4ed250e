// @vitest-environment node
// User ids for aliases: one key, more names, and what is sent under one says nothing of others.
import { describe, expect, test } from "vitest";
import { addIdentities, addressOfId, newKey, openpgp, readCertificate, readSecretKey } from "./openpgp.ts";

describe("addresses in a key", () => {
  test("an alias is added, the main address stays first, and the key is the same", async () => {
    const made = await newKey("Alice", "alice@demo.test", new Date(Date.now() - 86_400_000));
    const key = await readSecretKey(made.secret, made.fingerprint);
    const more = await addIdentities(key, "Alice", ["alice@demo.test", "shop@demo.test", "two@demo.test"]);
    expect(more.getFingerprint().toUpperCase()).toBe(made.fingerprint);
    expect(more.getUserIDs().map(addressOfId).sort()).toEqual(["alice@demo.test", "shop@demo.test", "two@demo.test"]);
    expect(addressOfId((await more.getPrimaryUser()).user.userID!.userID)).toBe("alice@demo.test");
    const cert = await readCertificate(more.toPublic().write());
    const { lib, config } = await openpgp();
    for (const u of cert.users) await u.verify(new Date(), { ...lib.config, ...config });
    expect(cert.subkeys.length).toBe(key.subkeys.length);
    // Nothing is bound anew: a subkey that was retired stays so.
    expect(more.subkeys.map((k) => k.bindingSignatures.length)).toEqual(key.subkeys.map((k) => k.bindingSignatures.length));
    expect(more.users[0]!.selfCertifications.length).toBe(1);
    const again = await addIdentities(more, "Alice", ["SHOP@demo.test"]);
    expect(again).toBe(more);
    const read = await readSecretKey(new Uint8Array(more.write()), made.fingerprint);
    expect(read.getUserIDs().length).toBe(3);
  });
});
