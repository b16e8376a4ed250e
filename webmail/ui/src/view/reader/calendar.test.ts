import { expect, test } from "vitest";
import { readInvitation } from "./calendar.ts";

const wrap = (...lines: string[]) => ["BEGIN:VCALENDAR", "VERSION:2.0", "METHOD:REQUEST", "BEGIN:VEVENT", "UID:1", ...lines, "END:VEVENT", "END:VCALENDAR"].join("\r\n");
const iso = (s: number) => new Date(s * 1000).toISOString();

test("reads what a reader needs", () => {
  const i = readInvitation(wrap("SUMMARY:Advent concert\\, rehearsal", "DTSTART;TZID=Europe/Berlin:20261204T183000", "DTEND;TZID=Europe/Berlin:20261204T210000", "LOCATION:St. Nikolai\\, Chapel", " Street 4", 'ORGANIZER;CN="Feld, Jonas":mailto:jonas@choir.example', "ATTENDEE;CN=Mara;PARTSTAT=ACCEPTED:mailto:mara@lindqvist.example", "RRULE:FREQ=WEEKLY;COUNT=3"));
  expect(i).toMatchObject({ method: "REQUEST", summary: "Advent concert, rehearsal", place: "St. Nikolai, ChapelStreet 4", organiser: { name: "Feld, Jonas", address: "jonas@choir.example" }, people: [{ name: "Mara", address: "mara@lindqvist.example", state: "ACCEPTED" }], repeats: "WEEKLY", cancelled: false, allDay: false, zone: "Europe/Berlin" });
  expect(iso(i?.start ?? 0)).toBe("2026-12-04T17:30:00.000Z");
  expect(iso(i?.end ?? 0)).toBe("2026-12-04T20:00:00.000Z");
});

test("a zone's summer and winter are told apart, also in the night between", () => {
  const at = (s: string) => iso(readInvitation(wrap(`DTSTART;TZID=Europe/Berlin:${s}`))?.start ?? 0);
  expect(at("20260704T120000")).toBe("2026-07-04T10:00:00.000Z");
  expect(at("20261025T010000")).toBe("2026-10-24T23:00:00.000Z");
  expect(at("20261025T040000")).toBe("2026-10-25T03:00:00.000Z");
});

test("UTC, days, durations and zones that nobody knows", () => {
  expect(iso(readInvitation(wrap("DTSTART:20260102T030405Z", "DURATION:PT1H30M"))?.end ?? 0)).toBe("2026-01-02T04:34:05.000Z");
  expect(readInvitation(wrap("DTSTART;VALUE=DATE:20260102"))).toMatchObject({ allDay: true });
  expect(readInvitation(wrap("DTSTART;TZID=Customized Time Zone:20260102T090000"))).toMatchObject({ zone: "", allDay: false });
});

test("an alarm's lines are not the event's", () => {
  expect(readInvitation(wrap("BEGIN:VALARM", "DESCRIPTION:wake", "END:VALARM", "SUMMARY:x", "DTSTART:20260102T030405Z"))?.description).toBe("");
});

test("what is no event is none, and nothing hostile takes long", () => {
  expect(readInvitation("")).toBeUndefined();
  expect(readInvitation(wrap("SUMMARY:no time"))).toBeUndefined();
  expect(readInvitation(wrap("DTSTART:soon"))).toBeUndefined();
  const before = performance.now();
  readInvitation(wrap("DTSTART:20260102T030405Z", `ATTENDEE;CN=${'"'.repeat(200_000)}:x`, `X${";A=,".repeat(100_000)}`));
  expect(performance.now() - before).toBeLessThan(1000);
  expect(readInvitation(wrap("DTSTART:20260102T030405Z", ...Array.from({ length: 900 }, (_, i) => `ATTENDEE:mailto:${i}@x.example`)))?.people).toHaveLength(200);
});

test("a cancelled one says so", () => {
  expect(readInvitation(wrap("DTSTART:20260102T030405Z", "STATUS:CANCELLED"))?.cancelled).toBe(true);
});
