// The vault's worker: the only place where keys are. It starts small; OpenPGP.js, the MIME
// parser, Argon2id and the word list are loaded when they are first needed.

import { createEngine } from "./engine.ts";
import { type Port, serve } from "./rpc.ts";

serve(self as unknown as Port, createEngine());
