// Links as wikis, tickets and scripts hold them, for OpenTSDB's page and for /q: what each must show.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BASE, close, eventually, send, visit } from './helper.mjs';
import { charted, rightAxis, queriesOf } from './graph.mjs';

after(close);

const HOUR = 3600;
/**
 * Number, fragment, how many lines, what is asked of /api/query (texts of `m`, or null), and more to look at:
 * `span` in seconds, `right`: whether there is a right axis, `fresh`: series of which a range this short holds points only if
 * they are sent now.
 */
const LINKS = [
  [1, 'start=1h-ago&m=sum:proc.loadavg.1min', 1, { span: HOUR, right: false }],
  [2, 'start=1h-ago&m=sum:proc.loadavg.1min{host=*}&o=', 4, { names: ['web01', 'web02', 'web03', 'db1'] }],
  [3, 'start=1d-ago&end=2h-ago&m=avg:sys.cpu.user{host=web01|web02}&o=', 2, { span: 22 * HOUR }],
  [4, 'start=2013/04/10-17:22:55&m=sum:10m-avg:rate:tsd.rpc.received{type=*}&o=', 3, {}],
  [5, 'start=2019/06/01-00:00:00&end=2019/06/08-00:00:00&m=none:car.data&o=&yrange=[0:]&wxh=800x600&style=linespoint', 2, { span: 7 * 24 * HOUR, from: 1559347200 }],
  [6, 'start=10m-ago&m=sum:df.inodes.free&autoreload=15', 1, { span: 600, fresh: [['df.inodes.free', { host: 'web01', mount: '/', fstype: 'ext4' }]] }],
  [7, 'start=5m-ago&m=sum:sys.cpu%7Bcpu=*,type=combined%7D&o=&yrange=%5B0:%5D&key=out%20right%20top%20box&wxh=1500x300&autoreload=15', 2, { span: 300, fresh: ['0', '1'].map((cpu) => ['sys.cpu', { host: 'web01', cpu, type: 'combined' }]) }],
  [8, 'start=24h-ago&m=sum:temp{node=924}&o=axis%20x1y2&m=sum:batt{node=923}&o=&yrange=[2000:3100]&key=out%20bottom%20center&wxh=400x300', 2, { right: true }],
  [9, 'start=36h-ago&m=sum:co2&o=&m=sum:temp&o=axis+x1y2', 2, { right: true }],
  [10, 'start=1h-ago&m=sum:a&m=sum:b&o=&o=axis x1y2', 2, { right: true }],
  [11, 'start=1h-ago&m=sum:a&m=sum:b', 2, { right: false }],
  [12, 'start=1w-ago&m=max:1h-max-none:net.bytes{host=db1}{iface=literal_or(eth0|eth1)}&o=', 1, {}],
  [13, 'start=6h-ago&m=sum:rate{counter,4294967295,100}:if.in{host=r1}&o=', 1, {}],
  [14, 'start=6h-ago&m=sum:rate{dropcounter}:if.in{host=r1}&o=', 1, {}],
  [15, 'start=1d-ago&m=sum:10m-avg:rate:x{h=*}&o=&m=sum:10m-avg:rate:y{h=*}&o=axis x1y2&yrange=[1:]&y2range=[1:]&ylog&y2log', 3, { right: true }],
  [16, 'start=1d-ago&m=p99:lat&o=&ylabel=ms&yformat=%25.1s%25c', 1, {}],
  [17, 'start=1d-ago&m=sum:x&o=&nokey&smooth=csplines&wxh=1420x640', 1, {}],
  [18, 'start=1d-ago&m=sum:x&o=&key=top left horiz box&style=points', 1, {}],
  [19, 'start=1d-ago&tz=Asia/Shanghai&m=sum:x&o=', 1, {}],
  [20, 'start=1d-ago&m=sum:x&o=&global_annotations', 1, { asks: /global_annotations/ }],
  [21, 'start=1d-ago&m=sum:x&o=&no_annotations=true', 1, {}],
  [22, 'start=1356998400&end=1357084800&m=sum:x', 1, { span: 86400, from: 1356998400 }],
  [23, 'start=1h-ago&m=sum:sys.cpu%257Bhost=*%257D&o=&yrange=%255B0:%255D', 4, {}],
  [24, 'start=1h-ago&tsuid=sum:000001000001000001', 1, {}],
];

/** The same link as a browser's address bar or a wiki may have written it. */
const encoded = (hash) => hash.replace(/[{}[\] ]/g, (c) => encodeURIComponent(c));

for (const [number, fragment, lines, more] of LINKS) {
  test(`link ${number}: #${fragment}`, async () => {
    const forms = new Set([fragment, encoded(fragment)]);
    for (const hash of forms) {
      const now = Math.floor(Date.now() / 1000);
      const points = (more.fresh ?? []).flatMap(([metric, tags]) => [90, 60, 30].map((ago) => ({ metric, timestamp: now - ago, value: ago, tags })));
      if (points.length) await send('/api/put?sync', points);
      await visit(`/#${hash}`, async (page, { requests }) => {
        const chart = await charted(page);
        assert.equal(chart.lines, lines, `lines drawn, said: ${chart.said}`);
        const [first] = queriesOf(requests);
        const [start, end] = ['start', 'end'].map((name) => Number(first.searchParams.get(name)) / 1000);
        if (more.span) assert.ok(Math.abs(end - start - more.span) <= 2 * Math.max(60, more.span / 100), `from ${start} to ${end}`);
        if (more.from) assert.ok(Math.abs(start - more.from) < 7200, `from ${start}`);
        if (more.right !== undefined) await eventually(() => rightAxis(page), more.right, 'right axis');
        for (const name of more.names ?? []) await page.getByText(name, { exact: true }).first().waitFor();
        if (more.asks) await eventually(() => requests.map(({ path }) => path).join('\n'), more.asks);
      });
    }
  });
}

test('link 25: #start=08:00&end=10:00&m=sum:x is today in the zone shown', async () => {
  const today = () => Math.floor(Date.now() / 86400_000) * 86400;
  const midnight = today();
  await visit('/#start=08:00&end=10:00&m=sum:x', async (page, { requests }) => {
    await eventually(() => queriesOf(requests).length, (asked) => asked > 0, 'a query');
    const [first] = queriesOf(requests);
    const eight = Number(first.searchParams.get('start')) / 1000 - 8 * HOUR;
    const midnights = [midnight, today()];
    assert.ok(midnights.some((one) => Math.abs(eight - one) <= 600), `${first.href}: not of ${midnights}`);
  });
});

test('link 26: /q without a format leads to the page', async () => {
  await visit('/q?start=1d-ago&m=sum:x', { allow: [/favicon\.ico/] }, async (page) => {
    await page.waitForFunction(() => location.pathname === '/' && location.hash === '#start=1d-ago&m=sum:x');
    assert.equal((await charted(page)).lines, 1);
  });
});

const fetched = async (path) => { const answer = await fetch(BASE + path); return { answer, type: answer.headers.get('content-type'), body: Buffer.from(await answer.arrayBuffer()) }; };
const pngSize = (bytes) => { assert.equal(bytes.subarray(1, 4).toString(), 'PNG'); return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]; };

test('links 27 and 28: pictures of the size asked for', async () => {
  const large = await fetched('/q?start=3m-ago&ignore=67&m=sum:a&o=axis%20x1y2&m=sum:rate:b&o=&yrange=[0:2.5]&y2range=[0:120]&wxh=1660x666&png');
  assert.equal(large.answer.status, 200, large.body.toString().slice(0, 300));
  assert.deepEqual(pngSize(large.body), [1660, 666]);
  const small = await fetched('/q?start=2d-ago&m=avg:1h-avg:x{host=web01}&nokey&wxh=300x120&bgcolor=xFFFFFF&fgcolor=x666666&png&.png');
  assert.equal(small.type, 'image/png');
  assert.deepEqual(pngSize(small.body), [300, 120]);
});

test('link 29: text of old points may be kept for a day', async () => {
  const { answer, type, body } = await fetched('/q?start=2014/05/13-16:00:00&end=2014/05/13-18:00:00&m=sum:sys.cpu&ascii');
  assert.match(type, /^text\/plain/);
  assert.equal(answer.headers.get('cache-control'), 'max-age=86400');
  assert.equal(body.toString().trim().split('\n').length, 3, body.toString());
});

test('link 30: counts, tags and timing', async () => {
  const { body } = await fetched('/q?start=1h-ago&m=sum:x&json');
  const answer = JSON.parse(body);
  assert.ok(answer.plotted > 0 && answer.points >= answer.plotted && Array.isArray(answer.etags) && answer.timing >= 0, body.toString());
});

test('what would break a picture is refused and named', async () => {
  for (const [name, value] of [['key', 'top right"; set x'], ['o', 'axis x1y2; system'], ['yrange', '[0:1`ls`]'], ['yrange', "[0:'1']"], ['title', 'a`b`']]) {
    const { answer, body } = await fetched(`/q?start=1h-ago&m=sum:x&png&${name}=${encodeURIComponent(value)}`);
    assert.equal(answer.status, 400, `${name}=${value}`);
    assert.match(body.toString(), new RegExp(name), `${name}=${value}`);
  }
});
