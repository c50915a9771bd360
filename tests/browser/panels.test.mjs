// Screens, kinds of panels: what they show is what the API answers. The screens are temporary ones, which are stored nowhere.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, close, eventually, json, largeTargets, noSidewaysScrolling, send, still, visit } from './helper.mjs';

after(close);

/** Parts of a whole: three that make 100, one below zero; and more series than a picture of lines draws. */
const PARTS = { a: 50, b: 30, '<b>c</b>': 20, debt: -5 };
const MANY = 120;
const END = Math.floor(Date.now() / 1000 / 60) * 60;

before(async () => {
  const minutes = Array.from({ length: 10 }, (_, n) => END - 60 * n);
  const parts = Object.entries(PARTS).flatMap(([part, value]) => minutes.map((timestamp) => ({ metric: 'panels.parts', timestamp, value, tags: { part } })));
  const many = Array.from({ length: MANY }, (_, n) => ({ metric: 'panels.many', timestamp: END - 60, value: n + 1, tags: { n: `n${n}` } }));
  const zero = minutes.map((timestamp) => ({ metric: 'panels.zero', timestamp, value: 0, tags: { part: 'a' } }));
  await send('/api/put?sync', [...parts, ...many, ...zero]);
});

/** The address of a temporary screen with these panels. */
const screen = (...panels) => `/#/screens/ad-hoc?start=1h-ago&x.screen=${encodeURIComponent(JSON.stringify({ name: 'Panels', columns: 1, panels }))}`;
const panel = (kind, m, more = {}) => ({ kind, queries: [].concat(m).map((one) => ({ m: one })), height: 4, ...more });
const lastOf = ({ dps }) => dps.at(-1)[1];
const drawn = (page, count = 1) => page.waitForFunction((n) => document.querySelectorAll('.panel[data-state=drawn]').length >= n, count);

test('a pie shows shares of the whole, the numbers beside it', async () => {
  const answer = await json('/api/query?start=1h-ago&m=sum:panels.parts%7Bpart=*%7D&arrays');
  const known = answer.map(({ tags, ...one }) => [tags.part, lastOf(one)]).filter(([, value]) => value >= 0).sort(([, a], [, b]) => b - a);
  const total = known.reduce((sum, [, value]) => sum + value, 0);
  const lines = known.map(([name, value]) => `${name}|${value}|${(100 * value) / total} %`);
  assert.deepEqual(lines, ['a|50|50 %', 'b|30|30 %', '<b>c</b>|20|20 %']);
  for (const dark of [false, true]) {
    await visit(screen(panel('pie', 'sum:panels.parts{part=*}', { title: 'Parts' })), { dark }, async (page) => {
      await drawn(page);
      const rows = page.locator('.pie-list li');
      await eventually(() => rows.evaluateAll((all) => all.map((row) => ['.name', '.pie-value', '.pie-share'].map((part) => row.querySelector(part).textContent).join('|'))), lines);
      await eventually(() => page.locator('.pie-ring').getAttribute('aria-label'), 'Shares of 100 by last value: a 50 %, b 30 %, <b>c</b> 20 %.');
      await eventually(() => page.locator('.pie-ring text').textContent(), '100');
      await page.getByText('1 series below zero: no part of a whole, left out.').waitFor();
      // Each part of the ring has the angle of its share: its length along the circle is measured.
      const angles = () => page.locator('.pie-ring path').evaluateAll((paths) => paths.map((path) => {
        const [first, last] = [...path.getAttribute('d').matchAll(/([\d.]+) ([\d.]+)(?=[AL])/g)].map(([, x, y]) => [Number(x) - 100, 100 - Number(y)]);
        const angle = ([x, y]) => (Math.atan2(x, y) + 2 * Math.PI) % (2 * Math.PI);
        return Math.round((100 * ((angle(last) - angle(first) + 2 * Math.PI) % (2 * Math.PI))) / (2 * Math.PI));
      }));
      await eventually(angles, known.map(([, value]) => value));
      await rows.nth(1).hover();
      await page.waitForFunction(() => document.querySelectorAll('.pie-ring path.faded').length === 2);
      await axe(page, 'a pie');
      await largeTargets(page);
    });
  }
});

test('a pie of more parts than its rows sums up the rest; one of nothing but zeros says so', async () => {
  await visit(screen(panel('pie', 'sum:panels.many{n=*}', { title: 'Many', limit: 2 }), panel('pie', 'sum:panels.zero{part=*}', { title: 'Zero' })), { width: 360 }, async (page) => {
    await drawn(page, 2);
    const all = (MANY * (MANY + 1)) / 2;
    const rest = all - MANY - (MANY - 1);
    // Of all series, not of the hundred that a picture of lines would draw.
    const row = page.locator('.pie-list').first().locator('li').nth(2);
    await eventually(() => row.getAttribute('title'), `${MANY - 2} more: ${String(rest).replace(/(\d)(?=\d{3}$)/, '$1\u202f')}`);
    await eventually(() => row.locator('.pie-share').textContent(), `${((100 * rest) / all).toFixed(1)} %`);
    await page.getByText('All parts are zero: there are no shares.').waitFor();
    await noSidewaysScrolling(page);
  });
});

test('a top list looks at all series', async () => {
  await visit(screen(panel('top', 'sum:panels.many{n=*}', { limit: 3 })), async (page) => {
    await drawn(page);
    await eventually(() => page.locator('.top li').evaluateAll((all) => all.map((one) => one.querySelector('.top-value').textContent)), [MANY, MANY - 1, MANY - 2].map(String));
    await page.getByText(`and ${MANY - 3} more`).waitFor();
  });
});

test('ranges of histograms are a heat map, percentiles lie over it; a metric of histograms says what it has', async () => {
  const buckets = 'sum:show-histogram-buckets:http.latency';
  const answer = await json(`/api/query?start=2h-ago&m=${buckets}&arrays`);
  const ranges = answer.filter(({ metric }) => /_[\d.]+_[\d.]+$/.test(metric));
  assert.equal(ranges.length, 4);
  // Points of a minute each, and a panel that is wide enough for all of them: nothing is added up.
  const most = Math.max(...ranges.flatMap(({ dps }) => dps.map(([, count]) => count)));
  await visit(screen(panel('heat', [buckets, 'sum:percentiles[50,99]:http.latency'], { title: 'Latency' }), panel('line', 'sum:http.latency', { title: 'Points' })).replace('1h-ago', '2h-ago'), async (page) => {
    await drawn(page);
    const chart = page.locator('.panel').first().locator('[aria-roledescription=chart]');
    await chart.locator('canvas').first().waitFor();
    const told = () => chart.evaluate((one) => document.getElementById(one.getAttribute('aria-describedby')).textContent);
    await eventually(told, `Heat map of 4 ranges of histograms, highest count ${most}.`);
    // The lowest range, which is counted in each minute, is coloured all along: canvases are looked at.
    const coloured = () => chart.evaluate((one) => {
      const canvas = one.querySelector('canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const found = new Set();
      for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255 && data[at + 2] > data[at] + 40) found.add(`${data[at]} ${data[at + 1]} ${data[at + 2]}`);
      return found.size;
    });
    await eventually(coloured, (shades) => shades >= 4, 'shades');
    await page.getByText('http.latency has histograms, no points').waitFor();
    await axe(page, 'a heat map of histograms');
  });
});

test('a table keeps its order, and a list its place, when it loads again', async () => {
  await visit(screen(panel('table', 'sum:panels.many{n=*}', { limit: 100, height: 3 })), async (page, { requests }) => {
    await drawn(page);
    await page.getByRole('button', { name: 'Series', exact: true }).click();
    const first = () => page.locator('.panel tbody tr').first().locator('.name').textContent();
    await eventually(first, 'n0');
    await still(page);
    await page.locator('.panel .scroll').evaluate((box) => { box.scrollTop = 300; });
    const asked = requests.filter(({ path }) => path.startsWith('/api/query')).length;
    await page.evaluate(() => { document.querySelector('.panel tbody').dataset.before = 'yes'; });
    await page.keyboard.press('r');
    await page.waitForFunction(() => document.querySelector('.panel tbody') && !document.querySelector('.panel tbody').dataset.before);
    assert.ok(requests.filter(({ path }) => path.startsWith('/api/query')).length > asked);
    await eventually(first, 'n0');
    await eventually(() => page.locator('th[aria-sort=ascending]').textContent(), 'Series');
    await eventually(() => page.locator('.panel .scroll').evaluate((box) => box.scrollTop), 300);
  });
});

/** Where the plots of a panel lie: top, left and width of each, in whole px. */
const plots = (page) => page.locator('.panel .u-over').evaluateAll((all) => all.map((one) => one.getBoundingClientRect()).map(({ top, left, width }) => [top, left, width].map(Math.round)));
const told = (page) => page.locator('.panel [role=application]').evaluateAll((all) => all.map((one) => [one.getAttribute('aria-label'), document.getElementById(one.getAttribute('aria-describedby')).textContent]));

test('two panes: a query is put into the lower one, both have the same time and crosshair, and it is kept', async () => {
  const wide = panel('line', ['sum:panels.many{n=n1}', 'sum:panels.parts{part=a}'], { title: 'Two' });
  wide.queries[0].expression = 'v * 12345678';
  let link;
  await visit(screen(wide), async (page) => {
    await drawn(page);
    await eventually(async () => (await told(page)).map(([label]) => label), ['Two']);
    await page.getByRole('button', { name: 'Panel Two', exact: true }).click();
    await page.getByRole('menuitem', { name: /^Edit/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('More', { exact: true }).click();
    const axis = dialog.getByRole('group', { name: 'Left axis of the lower pane' });
    await axis.waitFor({ state: 'hidden' });
    await dialog.getByLabel('Pane of B').focus();
    await page.keyboard.press('ArrowDown');
    await axis.getByLabel('Unit').fill('B');
    await eventually(() => dialog.locator('.u-over').count(), 2, 'plots of the preview');
    await axe(page, 'the editor of two panes');
    await dialog.getByRole('button', { name: 'Apply' }).click();
    await dialog.waitFor({ state: 'detached' });
    // A temporary screen is stored in its link, in the form that others are stored in.
    await page.getByRole('button', { name: 'Done' }).click();
    const kept = () => page.evaluate(() => JSON.parse(new URLSearchParams(location.hash.slice(location.hash.indexOf('?') + 1)).get('x.screen')).panels[0]);
    const stored = await eventually(kept, ({ lower }) => lower);
    assert.deepEqual([stored.lower, stored.queries.map(({ pane }) => pane)], [{ unit: 'B' }, [undefined, 'lower']]);
    link = screen(stored).replace('1h-ago', '12m-ago');
  });
  for (const dark of [false, true]) {
    await visit(link, { dark }, async (page) => {
      await drawn(page);
      const [upper, lower] = await eventually(() => told(page), ({ length }) => length === 2);
      assert.deepEqual([upper[0], lower[0]], ['Two, upper pane', 'Two, lower pane']);
      assert.match(upper[1], /^1 series .*panels\.many/);
      assert.match(lower[1], /^1 series .*panels\.parts.* 50 B to 50 B\.$/);
      // One above the other, with the same left edge and width, though one has wider numbers.
      const [[top, left, width]] = await eventually(() => plots(page), ([[, a, b], [, c, d]]) => a === c && b === d);
      await page.locator('.panel .u-over').first().hover({ position: { x: Math.round(width / 2), y: 20 } });
      const crosshairs = () => page.locator('.panel .u-cursor-x').evaluateAll((all) => all.map((one) => Math.round(one.getBoundingClientRect().left)));
      await eventually(crosshairs, ([a, b]) => Math.abs(a - left - width / 2) <= 2 && Math.abs(a - b) <= 1);
      // A range that is chosen in one is that of both.
      const before = await page.evaluate(() => location.hash);
      await page.mouse.move(left + width / 4, top + 20);
      await page.mouse.down();
      await page.mouse.move(left + width * 0.75, top + 20, { steps: 4 });
      await page.mouse.up();
      await page.waitForFunction((hash) => location.hash !== hash, before);
      await eventually(async () => new Set((await told(page)).map(([, about]) => /from (.* to .*?): /.exec(about)?.[1])).size, 1);
      await axe(page, 'two panes');
      await largeTargets(page);
    });
  }
});

test('the sum of the series, beside them or alone', async () => {
  const answer = await json('/api/query?start=1h-ago&m=sum:panels.many%7Bn=*%7D&arrays');
  const total = String(answer.reduce((sum, one) => sum + lastOf(one), 0));
  const legend = (page, at) => page.locator('.panel').nth(at).locator('.legend button').allTextContents();
  await visit(screen(panel('line', 'sum:panels.many{n=*}', { title: 'With', sum: 'with' }), panel('stacked', 'sum:panels.many{n=*}', { title: 'Alone', sum: 'only', decimals: 0 })), async (page) => {
    await drawn(page, 2);
    // Of all series, also of those that are not drawn.
    const sum = await eventually(() => legend(page, 1), ({ length }) => length === 1);
    assert.deepEqual(sum, [`Sum${total}`]);
    await eventually(async () => (await legend(page, 0)).length, 101);
    await eventually(async () => (await legend(page, 0))[0], /^Sum7\.26k$/);
    // Its colour is nobody else's.
    const [own, ...others] = await page.locator('.panel').first().locator('.series-color').evaluateAll((all) => all.map((one) => one.style.getPropertyValue('--series')));
    assert.ok(own !== '' && others.length === 100 && !others.includes(own), `${own} is also a series'`);
    await page.locator('.panel').first().getByText(`100 of ${MANY}`).waitFor();
    assert.equal(await page.locator('.panel').nth(1).getByText(`100 of ${MANY}`).count(), 0);
    // The editor switches it.
    await page.getByRole('button', { name: 'Panel Alone', exact: true }).click();
    await page.getByRole('menuitem', { name: /^Edit/ }).click();
    await page.getByRole('dialog').getByLabel('Sum').selectOption('none');
    await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click();
    await eventually(async () => (await legend(page, 1)).some((text) => text.startsWith('Sum')), false);
    await eventually(async () => (await legend(page, 1)).length, 100);
  });
});
