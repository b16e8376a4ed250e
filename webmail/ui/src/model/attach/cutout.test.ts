// What a server cut out of mail: asked of the owner's drive alone, and put back octet for octet.
import { describe, expect, test, vi } from "vitest";
import { newSecret } from "../../files/seal.ts";
import { sealedSize } from "../../files/sizes.ts";
import { octets, utf8 } from "../../vault/bytes.ts";
import type { CutPlace } from "../../vault/vault.ts";
import { ApiError } from "../../wire/http.ts";
import type { Drive } from "../drive/drive.ts";
import { askCut, contentOf, putBack } from "./cutout.ts";

const content = crypto.getRandomValues(new Uint8Array(1001));
const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
const object = "A".repeat(22);
const wanted = { name: "plan.pdf", type: "application/pdf", size: content.length, cut: { object, secret: newSecret(), hash } };

function world({ file = {}, holds = content }: { file?: { [name: string]: unknown } | ApiError; holds?: Uint8Array<ArrayBuffer> } = {}) {
  const asked: string[] = [];
  const drive = { blob: vi.fn(async () => new Blob([holds])), save: vi.fn(async () => {}), put: vi.fn(async () => ({})), add: vi.fn(async () => ({})) };
  const api = {
    get: async (path: string) => {
      asked.push(`GET ${path}`);
      if (file instanceof ApiError) throw file;
      return { id: object, size: sealedSize(content.length), complete: true, mail: true, ...file };
    },
    mutate: async (method: string, path: string) => void asked.push(`${method} ${path}`),
  };
  return { asked, drive, doors: { api: api as never, drive: async () => drive as unknown as Drive } };
}

describe("what was cut out of a mail", () => {
  test("is the owner's object, saved as it comes and taken over once", async () => {
    const w = world(), got = await askCut(w.doors, wanted);
    if (typeof got === "string") throw new Error(got);
    await got.save();
    expect(w.drive.save).toHaveBeenCalledWith(expect.objectContaining({ id: object, length: content.length, secret: wanted.cut.secret, name: "plan.pdf" }));
    await got.keep("folder");
    expect(w.asked).toEqual([`GET /files/${object}`, `POST /files/${object}/take`]);
    expect(w.drive.add).toHaveBeenCalledWith("folder", expect.objectContaining({ id: object, hash }), true);
    expect(w.drive.put).not.toHaveBeenCalled();
  });

  test("that its owner took over stands in one folder, and is sealed anew for another", async () => {
    const w = world({ file: { mail: undefined } }), got = await askCut(w.doors, wanted);
    if (typeof got === "string") throw new Error(got);
    await got.keep("folder");
    expect(w.asked).toEqual([`GET /files/${object}`]);
    expect([w.drive.add.mock.calls.length, w.drive.put.mock.calls.length]).toEqual([0, 1]);
  });

  test("is gone where it is not there, is another or is not whole", async () => {
    for (const file of [new ApiError("not-found", 404), { size: 5 }, { complete: false }]) expect(await contentOf(world({ file }).doors, wanted)).toBe("gone");
    expect(await contentOf(world({ file: new ApiError("offline", 0) }).doors, wanted)).toBe("failed");
  });

  test("is not given out with another content", async () => {
    expect(await contentOf(world().doors, wanted)).toMatchObject({ name: "plan.pdf", data: content.buffer });
    expect(await contentOf(world({ holds: content.slice().fill(0, 7, 8) }).doors, wanted)).toBe("failed");
  });

  test("comes back into the mail octet for octet, or not at all", async () => {
    const coded = Buffer.from(content).toString("base64").replace(/(.{76})(?=.)/g, "$1\r\n");
    const header = "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n", stub = "a stub";
    const source = utf8(`front\r\n--b\r\n${stub}\r\n--b\r\n${stub}\r\n--b--\r\n`).buffer;
    const part = { ...wanted.cut, name: "", size: content.length, header: octets(header) };
    const at = "front\r\n--b\r\n".length;
    const cuts: CutPlace[] = [
      { at, length: stub.length, part: { ...part, coding: { name: "base64", width: 76, tail: "\r\n\r\n" } } },
      { at: at + `${stub}\r\n--b\r\n`.length, length: stub.length, part: { ...part, coding: { name: "none", width: 0, tail: "" } } },
    ];
    const back = await putBack(source, cuts, (p) => contentOf(world().doors, p));
    const whole = Buffer.concat([Buffer.from(`front\r\n--b\r\n${header}${coded}\r\n\r\n\r\n--b\r\n${header}`), content, Buffer.from("\r\n--b--\r\n")]);
    expect(Buffer.from(await back!.arrayBuffer())).toEqual(whole);
    expect(await putBack(source, cuts, async () => "gone")).toBeNull();
  });
});
