import { expect, test } from "vitest";
import { newSecret, sealedSize } from "../files/index.ts";
import { createEngine } from "./engine.ts";

test("the page takes over what a link is made of, and the next one is made all the same", async () => {
  const vault = createEngine();
  const head = { name: "a.txt", type: "", length: 3, secret: newSecret(), modified: 0, hash: null };
  const wish = { object: { id: "o".repeat(22), size: sealedSize(3) }, head, password: "" };
  for (let i = 0; i < 2; i++) {
    const { fragment, kdf, box, check } = await vault.makeLink(wish);
    expect([kdf.byteLength, check.byteLength, fragment.length]).toEqual([0, 32, 22]);
    structuredClone([kdf, box, check], { transfer: [kdf, box, check] }); // as a worker hands them over
  }
});
