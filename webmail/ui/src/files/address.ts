// Links to stored files in mail: strictly those of the format (docs/formats.md, "Files"), of
// whatever host. To find one asks nobody: a request would tell its server that it was read.

export interface FileLink {
  url: string;
  origin: string;
  host: string; // with its port, as an address bar shows it
  id: string;
  secret: string;
}

const most = 30; // of one mail
const longest = 4 << 20; // characters that are looked through
const form = /^https:\/\/((?:[a-z0-9-]{1,63}\.){0,20}[a-z0-9-]{1,63}(?::[1-9]\d{0,4})?)\/f\/([A-Za-z0-9_-]{22})#([A-Za-z0-9_-]{22,43})$/;
const inText = /https:\/\/[a-z0-9.:-]{1,259}\/f\/[A-Za-z0-9_-]{22}#[A-Za-z0-9_-]{22,44}/g;

// null: not such a link, to the letter. A host that a browser would write otherwise is none.
export function parseFileLink(url: string): FileLink | null {
  const [, host = "", id = "", secret = ""] = form.exec(url) ?? [];
  if (host === "" || /(?:^|\.)-|-(?:\.|:|$)/.test(host)) return null;
  try {
    if (new URL(url).href !== url) return null;
  } catch {
    return null;
  }
  return { url, origin: `https://${host}`, host, id, secret };
}

// Those that a mail's text and HTML name, each once.
export function fileLinksIn(...texts: readonly string[]): FileLink[] {
  const out = new Map<string, FileLink>();
  for (const text of texts) {
    for (const [found] of text.slice(0, longest).matchAll(inText)) {
      const link = parseFileLink(found);
      if (link && !out.has(link.id + link.host)) out.set(link.id + link.host, link);
      if (out.size >= most) return [...out.values()];
    }
  }
  return [...out.values()];
}
