// The flows in their order: later ones stand on what the first of them left.
import { join } from "./join.mjs";
import { knock } from "./knock.mjs";
import { passkey } from "./passkey.mjs";
import { phone } from "./phone.mjs";
import { read } from "./read.mjs";
import { signIn } from "./signin.mjs";

export const flows = [
  ["sign in", signIn],
  ["read", read],
  ["phone", phone],
  ["join", join],
  ["passkey", passkey],
  ["knock", knock],
];
