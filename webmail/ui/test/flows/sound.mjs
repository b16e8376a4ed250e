/** Silence of so many seconds, as a sound. */
export function silence(seconds, rate = 3000) {
  const head = Buffer.from("RIFF....WAVEfmt ............................data....", "latin1").subarray(0, 44), n = seconds * rate;
  head.writeUInt32LE(36 + n, 4);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write("data", 36, "latin1");
  head.writeUInt32LE(n, 40);
  return Buffer.concat([head, Buffer.alloc(n, 128)]);
}
