// The flows in their order: later ones stand on what the first of them left.
import { join } from "./join.mjs";
import { passkey } from "./passkey.mjs";
import { read } from "./read.mjs";
import { signIn } from "./signin.mjs";
import { writing } from "./write.mjs";

export const flows = [
  ["sign in", signIn],
  ["read", read],
  ["write", writing],
  ["join", join],
  ["passkey", passkey],
];
