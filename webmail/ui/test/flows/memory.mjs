// How much memory a browser's processes have, while something happens.
import { readFileSync, readdirSync } from "node:fs";

const page = 4096;

function read(file) {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return ""; // it ended
  }
}

/** The browser's processes below this one: kind and bytes in memory. */
function now() {
  const parents = new Map();
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = read(`/proc/${pid}/stat`);
    parents.set(pid, stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  }
  const ours = (pid) => pid === String(process.pid) || (parents.has(pid) && Number(parents.get(pid)) > 1 && ours(parents.get(pid)));
  const found = [];
  for (const pid of parents.keys()) {
    if (pid === String(process.pid) || !ours(pid)) continue;
    const line = read(`/proc/${pid}/cmdline`);
    if (/chrom/.test(line)) found.push({ pid, kind: /--type=([a-z-]+)/.exec(line)?.[1] ?? "browser", bytes: Number(read(`/proc/${pid}/statm`).split(" ")[1] ?? 0) * page });
  }
  return found;
}

/** Looks on until what it gives is called: that tells, of each kind, what its largest process had, and by how much one grew at most. */
export function watchMemory() {
  const seen = new Map();
  const look = () => {
    for (const { pid, kind, bytes } of now()) {
      const p = seen.get(pid) ?? { kind, first: bytes, most: 0 };
      seen.set(pid, p);
      p.most = Math.max(p.most, bytes);
    }
  };
  look();
  const timer = setInterval(look, 200);
  return () => {
    clearInterval(timer);
    const of = (kind, f) => Math.max(0, ...[...seen.values()].filter((p) => p.kind === kind).map(f));
    return { most: (kind) => of(kind, (p) => p.most), grown: (kind) => of(kind, (p) => p.most - p.first) };
  };
}
