// The page Graph when something is wrong: the server gone, slow or refusing, one of three queries failing, nothing there.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { charted, chartOf } from './graph.mjs';
import { axe, close, eventually, visit } from './helper.mjs';
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
