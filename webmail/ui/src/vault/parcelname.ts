// What stands in the name and the link of a parcel: all that a page needs of either.

export const stemSize = 8 + 1 + 22;

// What stands in a parcel's name, for its server too.
export interface ParcelName {
  stem: string; // all but what proves an answer
  ends: number; // seconds
  answers: number; // at most so many
}

export function parseName(name: string): ParcelName | null {
  const m = /^([0-9a-f]{8})([0-9])([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{22})?$/.exec(name);
  if (m === null || (m[2] === "0") !== (m[4] === undefined)) return null;
  return { stem: name.slice(0, stemSize), ends: parseInt(m[1]!, 16), answers: Number(m[2]) };
}

// ACCOUNT.NAME.SECRET, as it stands in a link behind "#/letter/".
export interface Link {
  account: string;
  name: string;
  secret: string; // base64url, 32 bytes
}

export function parseLink(text: string): Link | null {
  const m = /^([0-9a-f]{16})\.([A-Za-z0-9_-]{31,53})\.([A-Za-z0-9_-]{43})$/.exec(text);
  return m === null || parseName(m[2]!) === null ? null : { account: m[1]!, name: m[2]!, secret: m[3]! };
}
