// The page Status: what it shows, that it asks for nothing while nobody looks, queries stopped, log and settings filtered.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BASE, axe, close, eventually, json, largeTargets, noSidewaysScrolling, pause, send, shiftsFrom, still, tabThrough, visit } from './helper.mjs';
import { proxy } from './proxy.mjs';

after(close);

const numberOf = (page, card) => page.locator(`[data-card=${card}] .status-number`);
const filled = (page) => page.waitForFunction(() => /^[\d.]+/.test(document.querySelector('[data-card=memory] .status-number')?.textContent ?? ''));

test('the overview shows what is there, in both themes, without a serious finding of axe', async () => {
  for (const dark of [false, true]) {
    await visit('/#/status', { dark }, async (page) => {
      await filled(page);
      await eventually(() => page.title(), 'Status · tsdb');
      const { about } = await json('/api/ui/status');
      await page.getByText(`tsdb ${about.version}`).waitFor();
      await eventually(() => page.locator('.status-state').innerText(), /All is well/);
      await axe(page);
      await largeTargets(page);
    });
  }
});

test('rates appear after the second sample, and lines have names', async () => {
  await visit('/#/status', async (page) => {
    await filled(page);
    const now = Math.floor(Date.now() / 1000);
    await send('/api/put', Array.from({ length: 500 }, (_, n) => ({ metric: 'status.test', timestamp: now - n, value: n, tags: { host: 'a' } })));
    await page.waitForFunction(() => [...document.querySelectorAll('[data-card=written] .status-line')].some((line) => line.getAttribute('d').length > 8));
    await eventually(() => numberOf(page, 'written').innerText(), /^[\d.]+k?\/s$/);
    await eventually(() => page.locator('[data-card=written] svg').getAttribute('aria-label'), /^Points written over .* from /);
  });
});

test('numbers change and nothing moves', async () => {
  await visit('/#/status', async (page) => {
    await filled(page);
    const moved = await shiftsFrom(page);
    for (let n = 0; n < 2; n += 1) await page.waitForResponse(/api\/ui\/status/);
    const { shift, shifts } = await moved();
    assert.ok(shift < 0.001, `moved by ${shift}:\n${shifts.join('\n')}`);
  });
});

test('a hidden tab and a paused page ask for nothing', async () => {
  // When the page itself asked, in its own milliseconds.
  const times = (page) => page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => name.includes('api/ui/status')).map(({ startTime }) => startTime));
  await visit('/#/status', async (page, { requests }) => {
    await filled(page);
    const hide = (hidden) => page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    await hide(true);
    const before = requests.length; // one that is on its way was counted when it was asked
    await page.waitForTimeout(2500);
    assert.equal(requests.length, before, 'a hidden tab polls');
    const seen = await page.evaluate(() => performance.now());
    await hide(false);
    await eventually(async () => (await times(page)).filter((at) => at > seen).length, (asked) => asked >= 2, 'it goes on');
    const [first, second] = (await times(page)).filter((at) => at > seen).sort((a, b) => a - b);
    assert.ok(second - first > 1500, `it catches up once, not again after ${second - first} ms`);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Go on' }).waitFor();
    const paused = requests.length;
    await page.waitForTimeout(2500);
    assert.equal(requests.length, paused, 'a paused page polls');
    await page.getByRole('button', { name: 'Go on' }).click();
    await eventually(() => requests.length, (now) => now > paused, 'it goes on');
  });
});

test('a running query is shown and stopped', async () => {
  const now = Math.floor(Date.now() / 1000);
  const long = (queries) => ({ start: now - 10800, end: now, queries: Array.from({ length: queries }, (_, n) => ({ metric: 'sys.cpu', aggregator: 'sum', downsample: `${n + 1}s-avg` })) });
  const ask = () => fetch(`${BASE}/api/query`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(long(20_000)) });
  await visit('/#/status?tab=queries', async (page) => {
    await page.getByRole('heading', { name: 'Running now' }).waitFor();
    // A fast machine may answer before anybody has seen it: asked again until it is stopped.
    let stopped = null, over = false;
    const asking = (async () => {
      while (!over && !stopped) {
        const answer = await ask();
        const text = await answer.text();
        if (answer.status !== 200) stopped = [answer.status, text];
      }
    })();
    // A query of this length is told by its length: no other test asks such a one.
    const button = page.locator('tr', { hasText: 'tooLongToKeep' }).getByRole('button', { name: /^Stop the query of 127\.0\.0\.1/ });
    try {
      await button.first().waitFor();
      await axe(page);
      await eventually(async () => {
        await button.first().click({ timeout: 2000 }).catch(() => {}); // it may just have ended
        return Promise.race([asking.then(() => true), pause(1000)]);
      }, true, 'it is stopped');
    } finally {
      over = true;
    }
    assert.equal(stopped[0], 409);
    assert.match(stopped[1], /stopped/);
    await page.getByText('No query runs right now.').waitFor();
    await page.getByText('409 The query was stopped').first().waitFor();
  });
});

test('the log is filtered by level and words, and the address says so', async () => {
  await visit('/#/status', async (page) => {
    await page.getByRole('tab', { name: 'Log' }).click();
    await eventually(() => page.title(), 'Log · Status · tsdb');
    await page.getByLabel('Words in the lines').fill('surely.not.there');
    await page.getByText('No line has this.').waitFor();
    await eventually(() => page.evaluate(() => location.hash), /tab=log&q=surely\.not\.there|q=surely\.not\.there/);
    await page.getByLabel('Words in the lines').fill('READY');
    await page.getByText('ready on 127.0.0.1').waitFor();
    await page.getByLabel('Level').selectOption('error');
    await page.waitForFunction(() => /level=error/.test(location.hash));
    await page.getByText('No line has this.').waitFor();
    await axe(page);
    await page.goBack();
    await page.getByText('ready on 127.0.0.1').waitFor();
  });
});

test('settings can be found, secrets cannot', async () => {
  await visit('/#/status?tab=settings', async (page) => {
    await page.getByText('settings of').waitFor();
    await page.getByLabel('Words in names, values and help').fill('auto_create_metrics');
    await page.getByText('tsd.core.auto_create_metrics').waitFor();
    await eventually(() => page.locator('tbody tr').count(), 1);
    await page.getByLabel('Words in names, values and help').fill('');
    await page.getByLabel('Only what was set').check();
    await eventually(() => page.locator('tbody tr').count(), (rows) => rows > 1 && rows < 20, 'rows');
    await axe(page);
  });
});

test('a server that is gone is told apart, and coming back is noticed', async () => {
  const before = await proxy();
  try {
    await visit('/#/status', { base: before.base, allow: [/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|Failed to load resource/] }, async (page) => {
      await filled(page);
      await before.gone();
      await page.getByText('The server does not answer.').waitFor();
      await eventually(() => page.locator('.status-state').innerText(), /Last seen \d{4}-/);
      await before.back();
      await page.getByText('All is well').waitFor();
    });
  } finally {
    await before.close();
  }
});

test('every tab fits 320 pixels and is used by keyboard', async () => {
  for (const tab of ['overview', 'queries', 'log', 'settings']) {
    await visit(`/#/status?tab=${tab}`, { width: 320, height: 640 }, async (page) => {
      if (tab === 'queries') {
        await page.locator('.status-list tbody tr').first().waitFor();
        const wide = await page.locator('.status-list .scroll').evaluateAll((boxes) => boxes.filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => `${box.ariaLabel} ${box.scrollWidth}`));
        assert.deepEqual(wide, []);
      }
      await noSidewaysScrolling(page);
      await largeTargets(page);
    });
  }
  await visit('/#/status', { width: 390 }, async (page) => {
    await filled(page);
    await still(page);
    const wide = await page.locator('.status-tables .scroll').evaluateAll((boxes) => boxes.filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => `${box.ariaLabel} ${box.scrollWidth} of ${box.clientWidth}`));
    assert.deepEqual(wide, []);
  });
  await visit('/#/status', async (page) => {
    await filled(page);
    const stops = await tabThrough(page);
    assert.ok(stops.some((stop) => stop.includes('Overview')) && stops.some((stop) => stop.includes('Pause')), stops.join('\n'));
    await page.getByRole('tab', { name: 'Overview' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.getByRole('heading', { name: 'Running now' }).waitFor();
    await eventually(() => page.evaluate(() => location.hash), /tab=queries/);
    await eventually(() => page.evaluate(() => document.activeElement.textContent), 'Queries');
  });
});
