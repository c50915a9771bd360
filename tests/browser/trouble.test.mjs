// The page Graph when something is wrong: the server gone, slow or refusing, one of three queries failing, nothing there.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { charted, chartOf } from './graph.mjs';
import { axe, close, eventually, still, visit } from './helper.mjs';
import { proxy } from './proxy.mjs';

after(close);

const ONE = '/#start=2h-ago&m=sum:sys.cpu.user{host=web01}';
const said = (page, pattern) => page.waitForFunction((source) => new RegExp(source, 'i').test(document.body.innerText), pattern.source);

test('a server that is gone is told, the old picture stays, and a retry brings the new one', async () => {
  const between = await proxy();
  try {
    await visit(ONE, { base: between.base, allow: [/ERR_|Failed to load resource/] }, async (page) => {
      await charted(page);
      await between.gone();
      await page.keyboard.press('r');
      await said(page, /does not answer/);
      assert.ok(await chartOf(page).isVisible(), 'the old picture stays');
      await page.waitForFunction(() => /does not answer/.test(document.getElementById('assertive').textContent));
      await axe(page, 'the page without its server');
      await between.back();
      await page.evaluate(() => document.activeElement.blur());
      await page.keyboard.press('r');
      await page.waitForFunction(() => !/does not answer/.test(document.querySelector('main').innerText));
    });
  } finally {
    await between.close();
  }
});

/** Pages with what must be there, and what each asks for. */
const PAGES = [
  ['/', '.recent-name', 'api/ui/metrics'],
  [ONE, '[aria-roledescription=chart] canvas', 'api/query'],
  ['/#/explore?metric=sys.cpu', '.explore-facts', 'api/ui/metric?'],
  ['/#/explore?tab=hosts&host=web01&metric=proc.loadavg.1min', '.explore-graphs canvas', 'api/ui/counters'],
  ['/#/screens', '.screens-index, .screens .state', 'api/ui/screens'],
  // Stored nowhere: other tests clear the table of screens.
  ['/#/screens/ad-hoc?m=sum:sys.cpu.user{host=*}', '.panel canvas', 'api/query'],
  ['/#/status?tab=queries', '.status-list', 'api/ui/queries'],
  ['/#/anomalies', '.worker-state', 'api/anomalies'],
  ['/#/alerts?tab=history', '.alerts-panel select', 'api/alerts/history'],
];

test('every page tells that its server is gone, keeps what it shows, and goes on by itself', async () => {
  const goesOn = async ([path, sign, asks]) => {
    const between = await proxy();
    try {
      await visit(path, { base: between.base, allow: [/ERR_|Failed to load resource|status of/] }, async (page, { requests }) => {
        await page.locator(sign).first().waitFor();
        await still(page);
        await between.gone();
        await page.evaluate(() => document.activeElement.blur());
        await page.keyboard.press('r');
        await page.locator('.gone').waitFor();
        assert.ok(await page.locator(sign).first().isVisible(), `${path}: what was shown stays`);
        await between.back();
        const before = requests.length;
        await page.locator('.gone').waitFor({ state: 'detached' });
        await eventually(() => requests.slice(before).some((request) => request.path.includes(asks)), true, `${path} asks again`);
        await eventually(() => page.locator('main').innerText(), (now) => !/does not answer/.test(now), `${path} says so no more`);
        await page.locator(sign).first().waitFor();
      });
    } finally {
      await between.close();
    }
  };
  // Most of it is waiting: three at a time.
  const left = [...PAGES];
  await Promise.all([0, 1, 2].map(async () => { while (left.length) await goesOn(left.shift()); }));
});

test('a page that is opened while the server is gone comes when it is back', async () => {
  const between = await proxy();
  try {
    await visit('/#/status', { base: between.base, allow: [/ERR_|Failed to/] }, async (page) => {
      await page.locator('.status-card').first().waitFor();
      await between.gone();
      await page.evaluate(() => { location.hash = '#/explore'; });
      await page.getByRole('heading', { name: 'This page could not be shown' }).waitFor();
      await page.locator('.gone').waitFor();
      await axe(page, 'a page that could not be loaded');
      await between.back();
      await page.locator('.explore-list a').first().waitFor();
      await page.locator('.gone').waitFor({ state: 'detached' });
    });
  } finally {
    await between.close();
  }
});

test('a slow answer: the old picture stays, time and a stop button appear after two seconds', async () => {
  await visit(ONE, { allow: [/ERR_ABORTED|Failed to load/] }, async (page) => {
    await charted(page);
    let release;
    const held = new Promise((go) => { release = go; });
    await page.route('**/api/query?*', async (route) => { await held; await route.continue().catch(() => {}); });
    await page.keyboard.press('r');
    const stop = page.getByRole('button', { name: /stop/i }).first();
    await stop.waitFor();
    assert.ok(await chartOf(page).isVisible());
    await stop.click();
    await stop.waitFor({ state: 'hidden' });
    // What is shown is not what was asked for, and says so.
    await page.locator('.picture-state', { hasText: 'Stopped; data of' }).waitFor();
    release();
    await page.unroute('**/api/query?*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('.picture-state', { hasText: 'Stopped' }).waitFor({ state: 'detached' });
  });
});

test('a refusal is shown with the server\'s own words', async () => {
  await visit('/#start=2h-ago&m=sum:no.such.metric', { allow: [/status of (400|404)/] }, async (page) => {
    await said(page, /No such name for 'metrics': 'no\.such\.metric'/);
    await axe(page, 'a refused query');
  });
});

test('one of three queries fails, the others are drawn', async () => {
  await visit('/#start=2h-ago&m=sum:a&m=sum:no.such.metric&m=sum:b', { allow: [/status of (400|404)/] }, async (page) => {
    await said(page, /no\.such\.metric'/);
    assert.equal((await charted(page)).lines, 2);
  });
});

test('an expression that cannot be read stays as text with its error', async () => {
  await visit('/#start=2h-ago&m=sum:a&m=nonsense', { allow: [/status of (400|404)/] }, async (page) => {
    await eventually(() => page.evaluate(() => document.body.innerText + [...document.querySelectorAll('input')].map((i) => i.value).join(' ')), /nonsense/);
    await charted(page);
    await eventually(() => page.evaluate(() => decodeURIComponent(location.hash)), /m=nonsense/);
  });
});

test('no points in this range: says where the newest are', async () => {
  await visit('/#start=2015/01/01-00:00:00&end=2015/01/02-00:00:00&m=sum:sys.cpu.user', async (page) => {
    await said(page, /no points/);
    await axe(page, 'a range without points');
  });
});
