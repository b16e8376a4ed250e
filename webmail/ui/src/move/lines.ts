// Bytes of mail: line ends, and single fields of a header.

export const mostMail = 100 * 2 ** 20; // bytes of one mail; more is passed over and counted

export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

// crlf makes every line end in CRLF, as mail has it.
export function crlf(data: Uint8Array): Uint8Array<ArrayBuffer> {
  let bare = 0;
  for (let i = 0; i < data.length; i++) if (data[i] === 10 && data[i - 1] !== 13) bare++;
  const out = new Uint8Array(data.length + bare);
  let at = 0;
  for (let i = 0; i < data.length; i++) {
    if (data[i] === 10 && data[i - 1] !== 13) out[at++] = 13;
    out[at++] = data[i] as number;
  }
  return out;
}

const latin1 = new TextDecoder("latin1");

// header finds a field of a mail's top header section, unfolded; "" if it is not there.
export function header(mail: Uint8Array, name: string): string {
  const top = latin1.decode(mail.subarray(0, 64 * 1024));
  const end = /\r?\n\r?\n/u.exec(top)?.index ?? top.length;
  const m = new RegExp(`^${name}[ \\t]*:((?:.|\\r?\\n[ \\t])*)`, "imu").exec(top.slice(0, end));
  return m?.[1]?.replace(/\r?\n[ \t]+/gu, " ").trim() ?? "";
}
