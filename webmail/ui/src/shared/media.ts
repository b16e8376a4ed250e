// What the first bytes of a file say that it is, for what a browser plays. A name or a type
// that the sender chose decides nothing but whether it is heard or seen.

const starts = (b: Uint8Array, at: number, sign: string) => [...sign].every((c, i) => b[at + i] === c.charCodeAt(0));

/** A type for <audio> or <video>; "" for what is neither. */
export function mediaType(b: Uint8Array, said: string): string {
  const kind = said.startsWith("audio/") ? "audio" : "video";
  if (starts(b, 4, "ftyp")) return starts(b, 8, "avif") ? "" : starts(b, 8, "M4A") ? "audio/mp4" : `${kind}/mp4`;
  if (starts(b, 0, "\x1aE\xdf\xa3")) return `${kind}/webm`;
  if (starts(b, 0, "OggS")) return `${kind}/ogg`;
  if (starts(b, 0, "fLaC")) return "audio/flac";
  if (starts(b, 0, "RIFF") && starts(b, 8, "WAVE")) return "audio/wav";
  return starts(b, 0, "ID3") || (b[0] === 0xff && (b[1]! & 0xe6) === 0xe2) ? "audio/mpeg" : "";
}
