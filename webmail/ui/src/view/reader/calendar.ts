// What an invitation says (RFC 5545, 5546), as far as a reader needs it. Nothing is
// answered by itself, and no URL in it is followed.
export interface Invitation {
  method: string; // REQUEST, CANCEL, REPLY, PUBLISH
  summary: string;
  start: number; // seconds; 0: none
  end: number;
  allDay: boolean;
  zone: string; // IANA name as the sender gave it, "" for none
  place: string;
  description: string;
  organiser: { name: string; address: string } | undefined;
  people: { name: string; address: string; state: string }[];
  repeats: string; // DAILY, WEEKLY, MONTHLY, YEARLY or ""
  cancelled: boolean;
}

interface Line { name: string; params: { [name: string]: string }; value: string }
const mostLines = 5000, mostPeople = 200, mostText = 20_000;

/** The first event of a calendar; undefined if there is none that can be read. */
export function readInvitation(text: string): Invitation | undefined {
  const lines = unfold(text).map(lineOf).filter((l) => l !== undefined);
  const from = lines.findIndex((l) => l.name === "BEGIN" && l.value.toUpperCase() === "VEVENT");
  if (from < 0) return undefined;
  const upto = lines.findIndex((l, i) => i > from && l.name === "END" && l.value.toUpperCase() === "VEVENT");
  if (upto < 0) return undefined;
  const event = outer(lines.slice(from + 1, upto));
  const get = (name: string) => event.find((l) => l.name === name);
  const start = timeOf(get("DTSTART")), end = timeOf(get("DTEND"));
  if (!start) return undefined;
  const organiser = get("ORGANIZER");
  return {
    method: (lines.find((l) => l.name === "METHOD")?.value ?? "").toUpperCase(), summary: plain(get("SUMMARY")), start: start.at,
    end: end?.at ?? (start.at + duration(get("DURATION")?.value ?? (start.allDay ? "P1D" : ""))), allDay: start.allDay, zone: start.zone,
    place: plain(get("LOCATION")), description: plain(get("DESCRIPTION")), organiser: organiser && person(organiser),
    people: event.filter((l) => l.name === "ATTENDEE").slice(0, mostPeople).map((l) => ({ ...person(l), state: (l.params["PARTSTAT"] ?? "NEEDS-ACTION").toUpperCase() })),
    repeats: /FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)/i.exec(get("RRULE")?.value ?? "")?.[1]?.toUpperCase() ?? "",
    cancelled: get("STATUS")?.value.toUpperCase() === "CANCELLED" || lines.some((l) => l.name === "METHOD" && l.value.toUpperCase() === "CANCEL"),
  };
}

const unfold = (text: string) => text.slice(0, 1 << 20).replace(/\r?\n[ \t]/g, "").split(/\r?\n/, mostLines);

// Alarms and the like stand inside of an event: their lines are not its own.
function outer(lines: Line[]): Line[] {
  let depth = 0;
  return lines.filter((l) => {
    if (l.name === "BEGIN") depth++;
    else if (l.name === "END") depth--;
    else return depth === 0;
    return false;
  });
}

function lineOf(s: string): Line | undefined {
  const name = /^[A-Za-z0-9-]+/.exec(s)?.[0];
  if (!name) return undefined;
  const params: { [name: string]: string } = {};
  let at = name.length;
  const param = /;([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)/y;
  for (param.lastIndex = at; ; ) {
    const m = param.exec(s);
    if (!m) break;
    params[(m[1] ?? "").toUpperCase()] = (m[2] ?? "").replace(/"/g, "");
    at = param.lastIndex;
  }
  return s[at] === ":" ? { name: name.toUpperCase(), params, value: s.slice(at + 1) } : undefined;
}

const plain = (l: Line | undefined) => (l?.value ?? "").slice(0, mostText).replace(/\\([nN,;\\])/g, (_, c: string) => (c === "n" || c === "N" ? "\n" : c)).trim();
const person = (l: Line) => ({ name: (l.params["CN"] ?? "").slice(0, 200), address: l.value.replace(/^mailto:/i, "").slice(0, 320) });

function timeOf(l: Line | undefined): { at: number; allDay: boolean; zone: string } | undefined {
  const m = /^(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?$/.exec(l?.value.trim() ?? "");
  if (!m || !l) return undefined;
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map((i) => Number(m[i] ?? 0)) as [number, number, number, number, number, number];
  if (m[4] === undefined) return { at: new Date(year, month - 1, day).getTime() / 1000, allDay: true, zone: "" };
  const utc = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  if (m[7]) return { at: utc, allDay: false, zone: "UTC" };
  const zone = known(l.params["TZID"] ?? "");
  return zone ? { at: utc - offset(zone, utc), allDay: false, zone } : { at: new Date(year, month - 1, day, hour, minute, second).getTime() / 1000, allDay: false, zone: "" };
}

function known(zone: string): string {
  try {
    return zone && new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return "";
  }
}

/** Seconds that a zone's clocks are ahead when they show this as if it were UTC. */
function offset(zone: string, wall: number): number {
  const at = (s: number) => {
    const p = Object.fromEntries(new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" }).formatToParts(s * 1000).map((x) => [x.type, Number(x.value)])) as { [part: string]: number };
    return Date.UTC(p["year"] ?? 0, (p["month"] ?? 1) - 1, p["day"] ?? 1, p["hour"] ?? 0, p["minute"] ?? 0, p["second"] ?? 0) / 1000 - s;
  };
  return at(wall - at(wall));
}

function duration(s: string): number {
  const m = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(s.trim());
  return m ? [604800, 86400, 3600, 60, 1].reduce((sum, unit, i) => sum + unit * Number(m[i + 1] ?? 0), 0) : 0;
}
