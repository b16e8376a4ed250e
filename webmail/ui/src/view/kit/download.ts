// Saves bytes as a file. The type is always one that browsers save and never open: nothing
// that a stranger sent is ever a page of this origin.

/** A name that stays one name in any file system. */
export function safeName(name: string): string {
  const clean = name.normalize("NFC").replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff/\\:*?"<>|]/g, "_").replace(/^[.\s]+|[.\s]+$/g, "");
  if (/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(clean)) return "_" + clean;
  if (clean.length <= 120) return clean || "file";
  const end = /\.[^.]{1,12}$/.exec(clean)?.[0] ?? "";
  return clean.slice(0, 120 - end.length) + end;
}

export function download(name: string, data: BlobPart): void {
  const url = URL.createObjectURL(new Blob([data], { type: "application/octet-stream" }));
  const a = document.createElement("a");
  a.href = url;
  a.download = safeName(name);
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
