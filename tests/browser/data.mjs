// What stands in the tables that the pages show: metrics as collectors of real machines send them, series with gaps,
// names that would be markup if a page forgot to treat them as text, annotations, a histogram. Run it with the server's
// address: `node data.mjs http://127.0.0.1:4242`. The server needs the settings of tests/browser.rs.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

/** Machines of most metrics. */
export const HOSTS = ['web01', 'web02', 'web03', 'db1'];
/** Seconds between two points of most series. */
export const STEP_S = 15;
/** A tag value that would run a script if it were taken as markup. */
export const EVIL_TAG = '<img/src/onerror\'"window.__xss>&';
/** The same for texts, where any character may stand. */
export const EVIL_TEXT = '<img src=x onerror="window.__xss=1"><script>window.__xss=2</script> \' " & \n \u202E end';
/** A metric written from right to left, and one with 4,000 characters. */
export const RTL_METRIC = 'odd.שלום.metric';
export const LONG_METRIC = `odd.${'long'.repeat(999)}`;

/** The newest whole step, in seconds since the epoch; everything relative is relative to it. */
export const now = () => Math.floor(Date.now() / 1000 / STEP_S) * STEP_S;

const wave = (t, period, phase = 0) => Math.sin((2 * Math.PI * t) / period + phase);
const round = (v, digits = 2) => Number(v.toFixed(digits));
// The same numbers in every run, and no two series alike.
const noise = (t, seed) => { const x = Math.sin(t * 12.9898 + seed * 78.233) * 43758.5453; return x - Math.floor(x); };

function* line(metric, tags, from, to, step, value) {
  for (let t = from; t <= to; t += step) {
    const v = value(t);
    if (v !== null) yield { metric, timestamp: t, value: v, tags };
  }
}

/** What a collector of /proc and df sends for the last hours. */
function* machines(end) {
  const hours3 = end - 3 * 3600;
  for (const [h, host] of HOSTS.entries()) {
    yield* line('proc.loadavg.1min', { host }, hours3, end, STEP_S, (t) => round(1 + h + wave(t, 2400, h) + noise(t, h)));
    yield* line('proc.loadavg.5min', { host }, hours3, end, 60, (t) => round(1 + h + wave(t, 4800, h) / 2));
    // db1 was down for a quarter of an hour: a gap.
    const up = (t) => host !== 'db1' || t < end - 5400 || t > end - 4500;
    for (const [k, type] of ['user', 'system', 'iowait'].entries()) {
      const value = (t) => (up(t) ? round(Math.max(0, 20 / (k + 1) + 10 * wave(t, 3600, h + k) + 6 * noise(t, h * 7 + k)), 1) : null);
      yield* line('sys.cpu', { host, cpu: '0', type }, hours3, end, STEP_S, value);
      if (host === 'web01' && type === 'user') for (const cpu of ['0', '1']) yield* line('sys.cpu', { host, cpu, type: 'combined' }, hours3, end, STEP_S, value);
      if (type === 'user') yield* line('sys.cpu.user', { host }, hours3, end, STEP_S, value);
    }
    for (const [i, iface] of ['eth0', 'eth1'].entries()) {
      yield* line('net.bytes', { host, iface, direction: 'in' }, hours3, end, STEP_S, (t) => (t - hours3) * (9000 + 3000 * i) + Math.round(50000 * noise(t, h + i)));
    }
    for (const mount of ['/', '/var/lib']) {
      yield* line('df.bytes.free', { host, mount, fstype: 'ext4' }, hours3, end, 60, (t) => 40_000_000_000 - (t - hours3) * 1000 * (h + 1));
      yield* line('df.inodes.free', { host, mount, fstype: 'ext4' }, hours3, end, 60, (t) => 2_000_000 - Math.floor((t - hours3) / 60) * (h + 1));
    }
    yield* line('proc.meminfo.memfree', { host }, hours3, end, 60, (t) => Math.round(4e6 + 1e6 * wave(t, 7200, h)));
    // One machine stopped sending an hour ago.
    if (host !== 'web03') yield* line('proc.uptime.total', { host }, hours3, end, 60, (t) => t - hours3 + 86400 * h);
    else yield* line('proc.uptime.total', { host }, hours3, end - 3600, 60, (t) => t - hours3);
  }
}

/** What the links of old wikis ask for. */
function* oldLinks(end) {
  const day = end - 86400;
  for (const type of ['put', 'http', 'telnet']) {
    yield* line('tsd.rpc.received', { type, host: 'web01' }, end - 7200, end, STEP_S, (t) => Math.round((t - end + 7200) * (type.length + noise(t, 5))));
  }
  for (const [n, node] of ['923', '924'].entries()) {
    yield* line('temp', { node }, day, end, 300, (t) => round(21 + n + 2 * wave(t, 86400)));
    yield* line('batt', { node }, day, end, 300, (t) => 2500 + Math.round(300 * wave(t, 43200, n)));
  }
  yield* line('co2', { room: 'lab' }, end - 36 * 3600, end, 600, (t) => Math.round(600 + 200 * wave(t, 43200)));
  for (const [n, metric] of ['a', 'b', 'y'].entries()) {
    yield* line(metric, { h: 'one' }, day, end, 60, (t) => round(10 * (n + 1) + wave(t, 3600, n)));
  }
  for (const h of ['one', 'two']) yield* line('x', { h, host: 'web01' }, day, end, 60, (t) => Math.round((t - day) / 7 + 1 + 50 * noise(t, h.length)));
  // A counter that rolls over at 32 bits, and one spike.
  yield* line('if.in', { host: 'r1' }, end - 21600, end, 60, (t) => (4_294_900_000 + (t - end + 21600) * 40) % 4_294_967_296);
  yield* line('lat', { host: 'web01' }, day, end, 60, (t) => round(1500 + 900 * wave(t, 7200) + 300 * noise(t, 3)));
  const june = 1559347200; // 2019-06-01
  for (const car of ['red', 'blue']) yield* line('car.data', { car }, june, june + 7 * 86400, 3600, (t) => Math.round(50 + 30 * wave(t, 86400, car.length)));
  const may = 1399996800; // 2014-05-13 16:00
  for (const n of [0, 1, 2]) yield { metric: 'sys.cpu', timestamp: may + n * 600, value: n + 1, tags: { host: 'old', type: 'user' } };
  yield* line('x', { h: 'one', host: 'web01' }, 1356998400, 1357084800, 3600, (t) => Math.round((t - 1356998400) / 3600)); // 2013-01-01
}

/** Names and values that are unkind to pages. */
function* odd(end) {
  const hour = end - 3600;
  for (const host of [EVIL_TAG, 'ünïcödé', 'plain']) yield* line('odd.markup', { host }, hour, end, 60, (t) => round(10 + host.length + wave(t, 900)));
  yield* line(RTL_METRIC, { host: 'rtl' }, hour, end, 60, (t) => t % 7);
  yield* line(LONG_METRIC, { host: 'long' }, hour, end, 60, (t) => t % 5);
  yield* line('odd.negative', { host: 'web01' }, hour, end, 60, (t) => round(-5 + 8 * wave(t, 1800)));
  yield* line('odd.huge', { host: 'web01' }, hour, end, 60, (t) => 1e15 * (1 + noise(t, 1)));
  yield* line('odd.tiny', { host: 'web01' }, hour, end, 60, (t) => 1e-9 * (1 + noise(t, 2)));
  yield { metric: 'odd.single', timestamp: end - 600, value: 42, tags: { host: 'web01' } };
  for (let n = 0; n < 60; n += 1) yield* line('many.lines', { n: `n${String(n).padStart(3, '0')}` }, hour, end, 60, (t) => round(n + wave(t, 900, n)));
}

/** Everything, in a fixed order. */
export function* points(end = now()) {
  yield* machines(end);
  yield* oldLinks(end);
  yield* odd(end);
}

async function send(base, path, body) {
  const answer = await fetch(base + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.status < 300, `${path}: ${answer.status} ${text.slice(0, 500)}`);
  return text === '' ? null : JSON.parse(text);
}

/** Writes it all to the server at `base`; how many points that were. */
export async function load(base) {
  const end = now();
  let count = 0, batch = [];
  for (const point of points(end)) {
    batch.push(point);
    count += 1;
    if (batch.length === 5000) { await send(base, '/api/put?details', batch); batch = []; }
  }
  await send(base, '/api/put?details', batch);
  const histogram = (t, n) => ({ metric: 'http.latency', timestamp: t, tags: { host: 'web01' }, overflow: n % 3, underflow: 0, buckets: { '0,10': 40 + n, '10,50': 20, '50,200': 5 + (n % 4), '200,1000': n % 2 } });
  await send(base, '/api/histogram', Array.from({ length: 60 }, (_, n) => histogram(end - 3600 + n * 60, n)));
  const answer = await fetch(`${base}/api/query?start=2h-ago&m=sum:sys.cpu.user%7Bhost=web01%7D&show_tsuids`);
  const [{ tsuids: [tsuid] }] = await answer.json();
  await send(base, '/api/annotation', { startTime: end - 1200, tsuid, description: 'deploy 4711', notes: 'by the release train' });
  await send(base, '/api/annotation', { startTime: end - 900, tsuid, description: EVIL_TEXT, notes: EVIL_TEXT });
  await send(base, '/api/annotation', { startTime: end - 1800, description: 'whole site: switch replaced' });
  return count;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const base = process.argv[2] ?? process.env.TSDB_URL;
  assert.ok(base, 'usage: node data.mjs http://host:port');
  const began = Date.now();
  console.log(`${await load(base)} points written in ${Date.now() - began} ms`);
}
