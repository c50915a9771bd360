// An hour of automatic reloads, every five seconds, on a clock of its own: nothing piles up.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { charted, queriesOf } from './graph.mjs';
import { close, heapBytes, visit } from './helper.mjs';

after(close);

const MB = 1 << 20;
const OPTIONS = { before: (page) => page.clock.install({ time: Date.now() }) };

/** Waits for the picture, and stops the page's clock: from here on it goes on by `runFor` alone, however long a test takes. */
async function held(page) {
  await page.clock.runFor(1000);
  await charted(page);
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.evaluate(() => {
    const set = window.setTimeout;
    window.__scheduled = () => {};
    window.setTimeout = (run, ms, ...more) => {
      if (ms === 5000) window.__scheduled();
      return set(run, ms, ...more);
    };
  });
}

/** So many reloads, each to its end: then the next one is on the clock. */
async function reload(page, times) {
  for (let n = 0; n < times; n += 1) {
    await page.evaluate(() => { window.__next = new Promise((done) => { window.__scheduled = done; }); });
    await page.clock.runFor(5100);
    await page.evaluate(() => window.__next);
  }
}

test('an hour of reloads at 5 s: the heap grows by less than 5 MB, requests never pile up', async (t) => {
  await visit('/#start=10m-ago&m=sum:sys.cpu.user{host=*}&autoreload=5', OPTIONS, async (page, { requests }) => {
    await held(page);
    let open = 0, most = 0;
    page.on('request', (r) => { if (r.url().includes('/api/query')) { open += 1; most = Math.max(most, open); } });
    for (const ended of ['requestfinished', 'requestfailed']) page.on(ended, (r) => { if (r.url().includes('/api/query')) open -= 1; });
    await reload(page, 20);
    most = 0;
    const before = await heapBytes(page);
    const asked = queriesOf(requests).length;
    await reload(page, 700);
    const grown = (await heapBytes(page)) - before;
    t.diagnostic(`measured: an hour of reloads grew the heap by ${(grown / MB).toFixed(2)} MB`);
    assert.ok(grown < 5 * MB, `the heap grew by ${(grown / MB).toFixed(1)} MB`);
    assert.ok(most <= 1, `${most} requests at once`);
    assert.equal(queriesOf(requests).length - asked, 700);
  });
});

test('a hidden tab does not reload, and catches up once', async () => {
  await visit('/#start=2h-ago&m=sum:sys.cpu.user{host=*}&autoreload=5', OPTIONS, async (page, { requests }) => {
    await held(page);
    await reload(page, 1);
    const hide = (hidden) => page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    await hide(true);
    const before = queriesOf(requests).length;
    await page.clock.runFor(60_000);
    await page.waitForTimeout(200);
    assert.equal(queriesOf(requests).length, before, 'a hidden tab reloads');
    const answered = page.waitForResponse(/\/api\/query/);
    await hide(false);
    await (await answered).finished();
    assert.equal(queriesOf(requests).length, before + 1);
  });
});
