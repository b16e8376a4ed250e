// The flows in their order: later ones stand on what the first of them left.
import { asking } from "./asking.mjs";
import { attaching } from "./attaching.mjs";
import { draft } from "./draft.mjs";
import { drive } from "./drive.mjs";
import { editor } from "./editor.mjs";
import { fetching } from "./fetching.mjs";
import { filelink } from "./filelink.mjs";
import { film } from "./film.mjs";
import { join } from "./join.mjs";
import { keyboard } from "./keyboard.mjs";
import { knock } from "./knock.mjs";
import { offline } from "./offline.mjs";
import { moving } from "./moving.mjs";
import { owner } from "./owner.mjs";
import { kinds } from "./kinds.mjs";
import { looking } from "./look.mjs";
import { letter } from "./letter.mjs";
import { newPassphrase } from "./passphrase.mjs";
import { passkey } from "./passkey.mjs";
import { phone } from "./phone.mjs";
import { read } from "./read.mjs";
import { rotate } from "./rotate.mjs";
import { roomsByKeys } from "./rooms.mjs";
import { search } from "./search.mjs";
import { signIn } from "./signin.mjs";
import { stubs } from "./stub.mjs";
import { swipe } from "./swipe.mjs";
import { tidy } from "./tidy.mjs";
import { trust } from "./trust.mjs";
import { keyChange, writing } from "./write.mjs";

export const flows = [
  ["sign in", signIn],
  ["read", read],
  ["write", writing],
  ["search on another device", search],
  ["tidy", tidy],
  ["keyboard", keyboard],
  ["settings by keys", roomsByKeys],
  ["editor", editor],
  ["key change", keyChange],
  ["new passphrase", newPassphrase],
  ["draft after a crash", draft],
  ["moving", moving],
  ["phone", phone],
  ["offline", offline],
  ["join", join],
  ["letter", letter],
  ["drive", drive], // which begins with an empty one
  ["asking", asking],
  ["filelink", filelink],
  ["film", film],
  ["attaching", attaching],
  ["stub", stubs],
  ["passkey", passkey],
  ["rotate", rotate],
  ["owner", owner],
  // These leave much mail behind: rows that others look for would be out of sight.
  ["swipe", swipe],
  ["trust", trust],
  ["kinds", kinds],
  ["fetching", fetching],
  ["knock", knock],
  ["look", looking],
];
