// What the pages cost: bytes and requests are asserted, times and memory are measured and printed (machines differ).
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { charted, chartOf, queriesOf } from './graph.mjs';
import { BASE, close, heapBytes, painted, send, still, visit } from './helper.mjs';

after(close);

const KB = 1000, MB = 1 << 20;
const LINES = 50, STEP_S = 60, POINTS = 5000, NAMES = 100_000;
/** Sizes of pictures: lines, points, ms from the answer to the picture. The last is a million points: in the long form only. */
const SIZES = [[LINES, 1440, 150], [LINES, POINTS, 350], ...(process.env.TSDB_TEST_LONG ? [[200, POINTS, 500]] : [])];
const END = Math.floor(Date.now() / 1000 / STEP_S) * STEP_S;

const say = (t, text) => t.diagnostic(`measured: ${text}`);
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

before(async () => {
  for (let n = 0; n < Math.max(...SIZES.map(([lines]) => lines)); n += 1) {
    const tags = { n: `line${n}`, set: n < LINES ? 'few' : 'more' };
    const value = (at) => Number((n + Math.sin(at / 200 + n)).toFixed(3));
    await send('/api/put', Array.from({ length: POINTS }, (_, at) => ({ metric: 'budget.lines', timestamp: END - at * STEP_S, value: value(at), tags })));
  }
});

/** Bytes of a file as it goes over the wire: compressed, by the server or (files from a folder) here. */
async function wireBytes(path) {
  const answer = await fetch(BASE + path, { headers: { 'Accept-Encoding': 'gzip' } });
  const bytes = Buffer.from(await answer.arrayBuffer()); // fetch has unpacked it
  return gzipSync(bytes, { level: 9 }).length;
}

test('the first page: at most 120 kB compressed and 25 requests, own script little', async (t) => {
  await visit('/', async (page, { requests }) => {
    // Told by the page itself: the moment at which the box has the cursor.
    await page.waitForFunction(() => document.activeElement.getAttribute('role') === 'combobox', null, { polling: 'raf' });
    const usable = await page.evaluate(() => performance.now());
    await still(page);
    // A file that a worker asks for again comes from the browser's own store.
    const files = [...new Map(requests.filter(({ path }) => !path.startsWith('/api/')).map((request) => [request.path, request])).values()];
    let total = 0;
    for (const { path } of files) total += await wireBytes(path);
    const script = await page.context().newCDPSession(page).then(async (session) => {
      await session.send('Performance.enable');
      const { metrics } = await session.send('Performance.getMetrics');
      return metrics.find(({ name }) => name === 'ScriptDuration').value * 1000;
    });
    say(t, `first page: ${(total / KB).toFixed(1)} kB compressed (budget 120), ${files.length} files (25) and ${requests.filter(({ path }) => path.startsWith('/api/')).length} questions, usable after ${usable.toFixed(0)} ms (300), scripts ${script.toFixed(0)} ms (60)`);
    assert.ok(total <= 120 * KB, `${total} bytes: ${files.map(({ path }) => path).join(' ')}`);
    assert.ok(files.length <= 25, `${files.length} files`);
  });
});

test('every other page loads at most 30 kB of its own', async (t) => {
  for (const name of ['explore', 'screens', 'status', 'anomalies', 'alerts', 'similar']) {
    await visit('/', async (page, { requests }) => {
      await still(page);
      const known = new Set(requests.map(({ path }) => path));
      await page.evaluate((hash) => { location.hash = hash; }, `#/${name}`);
      await page.waitForFunction((page) => document.querySelector(`.page-${page}`)?.textContent.trim(), name);
      await still(page);
      let total = 0;
      const files = requests.filter(({ path }) => path.startsWith('/s/') && !known.has(path));
      for (const { path } of files) total += await wireBytes(path);
      say(t, `${name}: ${(total / KB).toFixed(1)} kB compressed in ${files.length} files (budget 30)`);
      assert.ok(total <= 30 * KB, `${name}: ${total} bytes: ${files.map(({ path }) => path).join(' ')}`);
    });
  }
});

/** Draws `m` and tells ms from the answer to the second frame after the picture was said to be drawn. */
async function draw(page, hash) {
  const answered = page.waitForResponse(/\/api\/query/);
  await page.evaluate((to) => { location.hash = to; }, hash);
  await (await answered).finished();
  const began = Date.now();
  await charted(page);
  await painted(page);
  return Date.now() - began;
}

/** Ms from a hand letting go of the mouse to the second frame after it, measured by the page. */
async function letGo(page) {
  await page.evaluate(() => {
    window.__zoomed = new Promise((done) => addEventListener('mouseup', () => {
      const began = performance.now();
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
    }, { capture: true, once: true }));
  });
  await page.mouse.up();
  return page.evaluate(() => window.__zoomed);
}

for (const [lines, points, budget] of SIZES) {
  test(`${lines} x ${points} points: picture, pointer, zoom, memory`, async (t) => {
    await visit('/', async (page) => {
      await page.waitForFunction(() => document.activeElement.getAttribute('role') === 'combobox');
      const empty = await heapBytes(page);
      const [start, end] = [END - (points - 1) * STEP_S, END + 1];
      const drawn = await draw(page, `#start=${start}&end=${end}&m=none:budget.lines${lines === LINES ? '{set=few}' : ''}&x.all&x.raw=1`);
      const session = await page.context().newCDPSession(page);
      await session.send('Performance.enable');
      await page.waitForTimeout(300);
      const spent = async () => {
        const { metrics } = await session.send('Performance.getMetrics');
        const of = (name) => metrics.find((metric) => metric.name === name).value * 1000;
        return { task: of('TaskDuration'), script: of('ScriptDuration') };
      };
      const box = await chartOf(page).boundingBox();
      await page.evaluate(() => {
        window.__frames = [];
        let last = performance.now();
        const frame = (now) => { window.__frames.push(now - last); last = now; window.__stop || requestAnimationFrame(frame); };
        requestAnimationFrame(frame);
      });
      const moves = 100;
      const first = await spent();
      for (let n = 0; n < moves; n += 1) await page.mouse.move(box.x + box.width * (0.1 + (0.8 * n) / moves), box.y + box.height * (0.3 + 0.3 * Math.sin(n / 9)));
      const last = await spent();
      const frames = (await page.evaluate(() => { window.__stop = true; return window.__frames; })).sort((a, b) => a - b);
      const heap = await heapBytes(page);
      const was = await page.evaluate(() => location.hash);
      await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2, { steps: 2 });
      const zoomed = await letGo(page);
      await page.waitForFunction((before) => location.hash !== before, was);
      say(t, `${lines} x ${points}: answer to picture ${drawn} ms (budget ${budget}); pointer ${((last.task - first.task) / moves).toFixed(1)} ms a move (10), script ${((last.script - first.script) / moves).toFixed(2)} ms (1), 95 % of frames within ${frames[Math.floor(frames.length * 0.95)]?.toFixed(1)} ms (17); zoom ${zoomed.toFixed(0)} ms (100); heap ${((heap - empty) / MB).toFixed(1)} MB (40)`);
    });
  });
}

test('no more than two points a pixel are asked for', async (t) => {
  await visit('/', async (page, { requests }) => {
    await page.waitForFunction(() => document.activeElement.getAttribute('role') === 'combobox');
    await page.evaluate((to) => { location.hash = to; }, `#start=${END - POINTS * STEP_S}&end=${END}`);
    await page.locator('main input[role=combobox]').first().fill('budget.lines');
    await page.waitForFunction(() => document.querySelector('[role=option]'));
    await page.keyboard.press('Enter');
    await charted(page);
    const asked = queriesOf(requests).at(-1);
    const answer = await (await fetch(BASE + asked.pathname + asked.search)).json();
    assert.ok(Array.isArray(answer), `${asked.href}: ${JSON.stringify(answer).slice(0, 300)}`);
    const points = Math.max(...answer.filter(({ dps }) => dps).map(({ dps }) => (Array.isArray(dps) ? dps.length : Object.keys(dps).length)));
    const width = (await chartOf(page).boundingBox()).width;
    say(t, `${points} points a line on ${Math.round(width)} pixels`);
    assert.ok(points <= 2 * width, `${points} points on ${width} pixels`);
  });
});

test(`a keystroke at ${NAMES} names`, async (t) => {
  for (let from = 0; from < NAMES; from += 10_000) {
    await send('/api/put', Array.from({ length: 10_000 }, (_, n) => ({ metric: `budget.name${from + n}.part${(from + n) % 97}`, timestamp: END, value: 1, tags: { h: 'a' } })));
  }
  await visit('/', async (page) => {
    await page.waitForFunction(() => document.activeElement.getAttribute('role') === 'combobox');
    const times = [];
    for (const key of 'name77 part5') {
      if (key === ' ') {
        await page.keyboard.press('Space'); // adds no word: nothing is asked for
        continue;
      }
      // From the key to the frame that shows the new list, measured by the page.
      await page.evaluate(() => {
        const box = document.activeElement;
        const list = document.getElementById(box.getAttribute('aria-controls'));
        window.__listed = new Promise((done) => addEventListener('keydown', () => {
          const began = performance.now();
          new MutationObserver((_, watching) => {
            watching.disconnect();
            requestAnimationFrame(() => done(performance.now() - began));
          }).observe(list, { childList: true });
        }, { capture: true, once: true }));
      });
      await page.keyboard.press(key);
      times.push(await page.evaluate(() => window.__listed));
    }
    const server = [];
    for (const q of ['n', 'name', 'name7', 'part5', 'name77 part5', 'zzz']) {
      const began = performance.now();
      await (await fetch(`${BASE}/api/ui/metrics?q=${encodeURIComponent(q)}&max=30`)).text();
      server.push(performance.now() - began);
    }
    say(t, `keystroke to list at ${NAMES} names: median ${median(times).toFixed(0)} ms, worst ${Math.max(...times).toFixed(0)} ms (budget 50); the server's part ${median(server).toFixed(0)} ms, worst ${Math.max(...server).toFixed(0)} ms`);
  });
});
