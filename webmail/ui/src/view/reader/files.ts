// Attachments: their kinds by what they are, not by what they are called, and ways to
// save them that never open them on this page's origin.
import type { IconName } from "../kit/index.ts";
import { download } from "../kit/download.ts";
import type { Part } from "../../vault/vault.ts";

export type Kind = "image" | "text" | "pdf" | "audio" | "video" | "archive" | "calendar" | "other";

const byEnd: { [end: string]: Kind } = { pdf: "pdf", zip: "archive", gz: "archive", "7z": "archive", rar: "archive", tar: "archive", ics: "calendar", txt: "text", md: "text", csv: "text", log: "text", png: "image", jpg: "image", jpeg: "image", gif: "image", webp: "image" };
// Types a browser draws as a picture without running anything in it; SVG is not one.
const pictures = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"]);

export function kindOf(p: Pick<Part, "type" | "name">): Kind {
  const type = p.type.toLowerCase();
  if (pictures.has(type)) return "image";
  if (type === "application/pdf") return "pdf";
  if (type === "text/calendar") return "calendar";
  if (["text/plain", "text/csv", "text/markdown", "text/x-log", "text/x-patch", "text/x-diff"].includes(type)) return "text";
  if (type.startsWith("audio/")) return "audio";
  if (type.startsWith("video/")) return "video";
  if (/zip|compressed|x-tar|gzip/.test(type)) return "archive";
  return type === "application/octet-stream" ? (byEnd[p.name.split(".").pop()?.toLowerCase() ?? ""] ?? "other") : "other";
}

export const iconOf: { [k in Kind]: IconName } = { image: "image", text: "file-text", pdf: "file-text", audio: "audio", video: "video", archive: "file-zip", calendar: "calendar", other: "file" };

/** Endings that programs run by a double click: said before saving. */
export const risky = (name: string) => /\.(exe|com|bat|cmd|scr|pif|msi|msp|hta|js|jse|vbs|vbe|wsf|wsh|ps1|psm1|jar|lnk|reg|iso|img|vhd|vhdx|dll|cpl|appx|msix|apk|dmg|pkg|command|desktop|sh|docm|xlsm|pptm|html?|xhtml|shtml|svg|xll|one|library-ms|url)\s*$/i.test(name);

const starts = (b: Uint8Array, ...sign: number[]) => sign.every((x, i) => b[i] === x);
/** What the bytes of a picture say that it is; "" for none that we draw. */
export function pictureType(data: ArrayBuffer): string {
  const b = new Uint8Array(data, 0, Math.min(16, data.byteLength));
  if (starts(b, 0x89, 0x50, 0x4e, 0x47)) return "image/png";
  if (starts(b, 0xff, 0xd8, 0xff)) return "image/jpeg";
  if (starts(b, 0x47, 0x49, 0x46, 0x38)) return "image/gif";
  if (starts(b, 0x52, 0x49, 0x46, 0x46) && b[8] === 0x57 && b[9] === 0x45) return "image/webp";
  if (starts(b, 0x42, 0x4d)) return "image/bmp";
  return b[4] === 0x66 && b[5] === 0x74 && b[6] === 0x79 && b[7] === 0x70 && b[8] === 0x61 && b[9] === 0x76 ? "image/avif" : "";
}
export const isPdf = (data: ArrayBuffer) => starts(new Uint8Array(data, 0, Math.min(5, data.byteLength)), 0x25, 0x50, 0x44, 0x46, 0x2d);

/** A file as the sender named it, under a type that no browser opens by itself. */
export const save = (name: string, data: ArrayBuffer | Blob) => download(name, data);
