// Maildir names (cr.yp.to/proto/maildir.html), as Dovecot, mutt and our own export write them.

const letters: { [l: string]: string } = { S: "\\Seen", R: "\\Answered", F: "\\Flagged", D: "\\Draft", P: "$Forwarded" };

// maildirName takes "1700000000.M1P2.host:2,FS" apart.
export function maildirName(name: string): { flags: string[]; at: number } {
  const info = /[:;!_-]2,([A-Za-z]*)$/u.exec(name)?.[1] ?? "";
  const at = Number(/^(\d{9,10})\./u.exec(name)?.[1] ?? 0);
  return { flags: [...new Set(info)].flatMap((l) => letters[l] ?? []), at };
}

// maildirPlace is the mailbox of a path within a Maildir; null: it lies in none. Folders
// stand as ".Work.2026" or as folders of folders; %2E is a dot of a name.
export function maildirPlace(path: string): string | null {
  const parts = path.split("/").filter(Boolean);
  const in_ = parts.at(-2);
  if (parts.length < 2 || (in_ !== "cur" && in_ !== "new")) return null;
  const folders = parts.slice(0, -2);
  const dotted = folders.findIndex((f) => f.startsWith(".") && f.length > 1);
  const levels = dotted >= 0 ? folders.slice(dotted).flatMap((f) => f.replace(/^\./u, "").split(".")) : folders.slice(1);
  const name = levels.map((l) => l.replace(/%2E/giu, ".").replace(/\//gu, "-")).filter((l) => l && l !== "." && l !== "..").join("/");
  return name.slice(0, 200) || "INBOX";
}
