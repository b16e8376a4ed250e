// The words of HTML, for terms and a snippet. Nothing of it is shown as HTML, and no
// attribute counts.

const named: { [name: string]: string } = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", ndash: "–", mdash: "—", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", bdquo: "„", hellip: "…", euro: "€", zwnj: "\u200c", zwj: "\u200d", shy: "\u00ad" };
const latin = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";
latin.split(" ").forEach((name, i) => (named[name] ??= String.fromCharCode(160 + i)));

const unseen = new Set(["script", "style", "title", "template", "noscript", "textarea"]);
const inline = new Set("a abbr acronym b bdi bdo big cite code data dfn em font i ins del kbd label mark q s samp small span strike strong sub sup time tt u var wbr".split(" "));

export function htmlWords(html: string): string {
  const out: string[] = [];
  for (let at = 0; at < html.length; ) {
    const open = html.indexOf("<", at);
    out.push(html.slice(at, open < 0 ? html.length : open));
    if (open < 0) break;
    const tag = /^<(\/?)([a-zA-Z][^\s/>]{0,40})/.exec(html.slice(open, open + 48));
    if (tag === null) {
      const skip = html.startsWith("<!--", open) ? html.indexOf("-->", open + 4) : /^<[!?]/.test(html.slice(open, open + 2)) ? html.indexOf(">", open) : open;
      if (skip === open) out.push("<");
      at = skip < 0 ? html.length : skip === open ? open + 1 : skip + (html[skip] === "-" ? 3 : 1);
      continue;
    }
    const name = tag[2]!.toLowerCase();
    at = behind(html, open + tag[0].length);
    if (!inline.has(name)) out.push("\n");
    if (tag[1] === "" && unseen.has(name)) {
      const close = new RegExp(`</${name}`, "gi");
      close.lastIndex = at;
      at = close.exec(html)?.index ?? html.length;
    }
  }
  return out.join("").replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,8}));?/g, (whole, dec?: string, hex?: string, name?: string) => {
    if (name !== undefined) return named[name] ?? whole;
    const n = dec !== undefined ? Number(dec) : parseInt(hex!, 16);
    return n > 0 && n <= 0x10ffff && (n < 0xd800 || n > 0xdfff) ? String.fromCodePoint(n) : " ";
  });
}

// Where a tag ends, past quoted attributes.
function behind(html: string, at: number): number {
  for (let quote = ""; at < html.length; at++) {
    const c = html[at]!;
    if (quote !== "") quote = c === quote ? "" : quote;
    else if (c === ">") return at + 1;
    else if ((c === '"' || c === "'") && html[at - 1] === "=") quote = c;
  }
  return at;
}
