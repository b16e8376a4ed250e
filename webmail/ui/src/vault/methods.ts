import type { Vault } from "./vault.ts";

// What a page may call: nothing else of these objects is within its reach.
export const methods: ReadonlySet<string> = new Set<keyof Vault>([
  "create", "attach", "tryKit", "proveByPassphrase", "proveByKit", "proveByPasskey", "open", "reopen", "keepOffline", "offline", "openOffline", "dropOffline", "renew", "knows", "lock", "signOut", "state",
  "newPassphrase", "newKit", "proof", "withAddresses", "passkeyContainer", "requestAccess", "grantAccess", "acceptGrant", "exportKey", "importKey", "changeKey", "ownKey", "reseal",
  "openCards", "openMail", "part", "source", "cuts", "forget", "openTerms", "sealCard", "sealMail", "restoreMail", "fold", "seal", "openBox", "dropKey", "openDrop", "makeLink", "makeAsk", "encrypt", "describeKey",
  "sealParcel", "parcelHint", "openParcel", "parcelFile", "sealAnswer",
]);
