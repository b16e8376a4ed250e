// ASCII armor (RFC 9580, section 6) of a binary certificate, with the checksum that older
// programs still look for.
export function armored(binary: Uint8Array, kind: "PUBLIC KEY BLOCK" | "PRIVATE KEY BLOCK"): string {
  const base64 = (bytes: Uint8Array) => btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(""));
  const sum = crc24(binary);
  const body = base64(binary).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN PGP ${kind}-----`, "", ...body, `=${base64(Uint8Array.of(sum >> 16, (sum >> 8) & 255, sum & 255))}`, `-----END PGP ${kind}-----`, ""].join("\n");
}

function crc24(bytes: Uint8Array): number {
  let crc = 0xb704ce;
  for (const b of bytes) {
    crc ^= b << 16;
    for (let i = 0; i < 8; i++) crc = (crc << 1) ^ (crc & 0x800000 ? 0x1864cfb : 0);
  }
  return crc & 0xffffff;
}

export function unbase64(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text);
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}
