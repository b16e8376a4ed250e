// Where a page for strangers stands: a link at /f/ID, an upload request at /r/ID, with the
// secret as the fragment. No other page has a path.
export interface Place { kind: "f" | "r" | ""; id: string; secret: string }

export function placeOf(path: string, fragment: string): Place {
  const [, kind = "", id = ""] = /^\/([fr])\/([\w-]{22})$/.exec(path) ?? [];
  return { kind: kind as Place["kind"], id, secret: fragment.replace(/^#/, "") };
}
