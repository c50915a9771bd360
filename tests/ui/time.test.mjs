import assert from "node:assert/strict";
import { test } from "node:test";
import * as time from "../../src/ui/lib/time.js";

const NOW = Date.UTC(2026, 10, 25, 12, 0, 0);
const read = (text, zone = "UTC") => time.parse(text, zone, NOW);

test("relative times", () => {
  for (const [text, back] of [["1h-ago", 3600], ["1h ago", 3600], ["1d  ago", 86400], ["2n-ago", 2 * 30 * 86400], ["1y-ago", 365 * 86400], ["1w-ago", 604800], ["90s-ago", 90], ["now", 0]]) {
    assert.deepEqual(read(text), { ms: NOW - back * 1000, relative: true }, text);
  }
  assert.equal(read("500ms-ago").ms, NOW - 500);
});

test("dates, clocks and numbers", () => {
  const at = (text, zone) => new Date(read(text, zone).ms).toISOString();
  assert.equal(at("2013/04/10-17:22:55"), "2013-04-10T17:22:55.000Z");
  assert.equal(at("2013/04/10 17:22"), "2013-04-10T17:22:00.000Z");
  assert.equal(at("2013/04/10"), "2013-04-10T00:00:00.000Z");
  assert.equal(at("2013-04-10T17:22:55Z", "Asia/Shanghai"), "2013-04-10T17:22:55.000Z");
  assert.equal(at("2013/04/10-17:22:55", "Asia/Shanghai"), "2013-04-10T09:22:55.000Z");
  assert.equal(at("08:00", "Europe/Berlin"), "2026-11-25T07:00:00.000Z");
  assert.equal(at("1356998400"), "2013-01-01T00:00:00.000Z");
  assert.equal(at("1356998400500"), "2013-01-01T00:00:00.500Z");
  assert.equal(at("1356998400.25"), "2013-01-01T00:00:00.250Z");
  for (const bad of ["", "yesterday", "2013/13/01", "1h", "1q-ago", "25:00x", "<script>"]) assert.ok(read(bad).error, bad);
});

test("a day with a change of the clock", () => {
  const zone = "Europe/Berlin";
  // 2026-03-29 02:30 does not exist, 2026-10-25 02:30 comes twice.
  assert.equal(new Date(time.instant(2026, 3, 29, 2, 30, 0, zone)).toISOString(), "2026-03-29T01:30:00.000Z");
  assert.equal(new Date(time.instant(2026, 10, 25, 2, 30, 0, zone)).toISOString(), "2026-10-25T00:30:00.000Z");
  assert.equal(time.format(Date.UTC(2026, 9, 25, 0, 30), zone), "2026-10-25 02:30:00");
  assert.equal(time.format(Date.UTC(2026, 9, 25, 1, 30), zone), "2026-10-25 02:30:00");
  assert.equal(time.offsetText(Date.UTC(2026, 6, 1), zone), "+02:00");
  assert.equal(time.offsetText(Date.UTC(2026, 6, 1), "America/St_Johns"), "−02:30");
});

test("every instant of a year is read back from its link, in every zone", () => {
  for (const zone of ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]) {
    for (let ms = Date.UTC(2026, 0, 1); ms < Date.UTC(2027, 0, 1); ms += 86400000 * 3.37) {
      const at = Math.floor(ms / 1000) * 1000;
      assert.equal(time.parse(time.formatLink(at, zone), zone, NOW).ms, at, `${zone} ${at}`);
    }
  }
  // In the hour that comes twice: half past two in summer time, and an hour later.
  const [summer, winter] = [Date.UTC(2026, 9, 25, 0, 30), Date.UTC(2026, 9, 25, 1, 30)];
  assert.deepEqual([summer, winter].map((ms) => time.formatLink(ms, "Europe/Berlin")), ["2026/10/25-02:30:00", String(winter / 1000)]);
  assert.equal(time.parse(String(winter / 1000), "Europe/Berlin", NOW).ms, winter);
});

test("texts for the server", () => {
  assert.equal(time.serverText("1d ago", "UTC", NOW), "1d-ago");
  assert.equal(time.serverText("10:00", "UTC", NOW), "2026/11/25-10:00:00");
  assert.equal(time.serverText("1356998400", "UTC", NOW), "1356998400");
});

test("lengths in words", () => {
  for (const [ms, want] of [[500, "500 ms"], [12e3, "12 s"], [90e3, "1 min 30 s"], [3600e3, "1 h"], [5400e3, "1 h 30 min"], [86400e3 * 3, "3 d"]]) assert.equal(time.span(ms), want);
  assert.equal(time.ago(NOW - 3 * 86400e3 - 7200e3, NOW), "3 d ago");
  assert.equal(time.durationText(5400e3), "90m");
  assert.equal(time.duration("10m"), 600e3);
  assert.equal(time.duration("0m"), null);
});

test("ticks stand on round times of the zone", () => {
  for (const zone of ["UTC", "Europe/Berlin", "Asia/Kathmandu"]) {
    for (const span of [1e3, 6e4, 36e5, 864e5, 7 * 864e5, 90 * 864e5, 3 * 365 * 864e5, 30 * 365 * 864e5]) {
      const found = time.ticks(NOW - span, NOW, zone, 10);
      assert.ok(found.at.length >= 1 && found.at.length <= 12, `${zone} ${span}: ${found.at.length}`);
      assert.ok(found.at.every((ms, i) => ms >= NOW - span && ms <= NOW && (i === 0 || ms > found.at[i - 1])));
      assert.equal(time.tickTexts(found, zone).length, found.at.length);
    }
  }
  const day = time.ticks(Date.UTC(2026, 9, 24, 22), Date.UTC(2026, 9, 25, 23), "Europe/Berlin", 5);
  assert.deepEqual(day.at.map((ms) => time.format(ms, "Europe/Berlin", "minute").slice(11)), ["00:00", "06:00", "12:00", "18:00", "00:00"]);
  // An hour that comes twice has its ticks twice, one that is left out has none of its own.
  const clock = (from, to, count) => time.ticks(from, to, "Europe/Berlin", count).at.map((ms) => time.format(ms, "Europe/Berlin", "minute").slice(11));
  assert.deepEqual(clock(Date.UTC(2026, 9, 25, 0, 20), Date.UTC(2026, 9, 25, 2, 0), 5), ["02:30", "02:00", "02:30", "03:00"]);
  assert.deepEqual(clock(Date.UTC(2026, 9, 25, 1), Date.UTC(2026, 9, 25, 1, 50), 4), ["02:00", "02:15", "02:30", "02:45"]);
  assert.deepEqual(clock(Date.UTC(2026, 2, 29, 0), Date.UTC(2026, 2, 29, 2), 5), ["01:00", "01:30", "03:00", "03:30", "04:00"]);
});
