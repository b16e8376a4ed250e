/** A mailto: link in a mail begins a draft; it sends nothing and takes no Bcc or attachment. */
export function draftOf(href: string): { to: { name: string; address: string }[]; subject: string; text: string } {
  const m = /^mailto:([^?]*)(?:\?(.*))?$/i.exec(href), q = new URLSearchParams(m?.[2] ?? "");
  let to = m?.[1] ?? "";
  try { to = decodeURIComponent(to); } catch { /* as it stands */ }
  return { to: to.split(",").map((a) => ({ name: "", address: a.trim() })).filter((a) => /^[^\s@<>]+@[^\s@<>]+$/.test(a.address)).slice(0, 20), subject: (q.get("subject") ?? "").replace(/[\r\n]+/g, " ").slice(0, 500), text: (q.get("body") ?? "").slice(0, 20_000) };
}
