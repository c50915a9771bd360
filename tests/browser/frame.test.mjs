// The frame around all pages: titles, language, policy, keys, menus, sizes of the window, printing.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { BASE, axe, close, eventually, largeTargets, noSidewaysScrolling, settled, visit } from './helper.mjs';

after(close);

const PAGES = ['/', '/#/explore', '/#/screens', '/#/status'];
const activeName = (page) => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
const settle = (page) => page.waitForFunction(() => document.querySelector('#page')?.textContent.trim());

test('every page loads without a fault, has a title of its own and a language', async () => {
  const titles = new Set();
  for (const path of PAGES) {
    await visit(path, async (page) => {
      await settle(page);
      titles.add(await eventually(() => page.title(), / · tsdb$/));
      assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
      assert.equal(await page.locator('main').count(), 1);
    });
  }
  assert.equal(titles.size, PAGES.length, [...titles].join());
});

test('the policy allows this server alone, and no page of another may frame it', async () => {
  const answer = await fetch(`${BASE}/`, { headers: { Accept: 'text/html' } });
  const policy = answer.headers.get('content-security-policy');
  assert.match(policy, /default-src 'self'/);
  assert.match(policy, /frame-ancestors/);
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval|\*/);
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
});

test('an unknown page says so and leads on', async () => {
  await visit('/#/nowhere', async (page) => {
    await page.getByText('There is no such page').waitFor();
    await axe(page);
  });
});

test('keys: ? lists them, Esc closes and gives the focus back, / goes to the search, g t to Status', async () => {
  await visit('/#/status', async (page) => {
    await settle(page);
    const more = page.getByRole('button', { name: 'More' });
    await more.focus();
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await axe(page);
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.querySelector('dialog[open]'));
    await eventually(() => activeName(page), 'More');
    await more.press('Enter');
    await page.getByRole('menu').waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.querySelector('[popover]:popover-open'));
    await eventually(() => activeName(page), 'More');
    await page.keyboard.press('/');
    await eventually(() => activeName(page), 'Find a metric');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await page.evaluate(() => document.activeElement.blur());
    for (const [key, where] of [['e', /^#\/explore/], ['t', /^#\/status/]]) {
      // The second key counts for a moment only: a machine that is busy between the two sees none.
      await eventually(async () => {
        await page.keyboard.press('g');
        await page.keyboard.press(key);
        return page.evaluate(() => location.hash);
      }, where);
    }
  });
});

test('themes: dark and light by hand go before the system and stay after a reload', async () => {
  await visit('/#/status', { dark: false }, async (page) => {
    await settle(page);
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.getByRole('button', { name: 'Dark colours' }).click();
    await page.getByRole('button', { name: 'Light colours' }).waitFor();
    await settled(page);
    const dark = await eventually(ground, (now) => now !== light, 'the ground becomes dark');
    await page.reload();
    await settle(page);
    await eventually(ground, dark);
  });
});

test('printed pages are light', async () => {
  await visit('/#/status', { dark: true }, async (page) => {
    await settle(page);
    await page.emulateMedia({ media: 'print' });
    await eventually(() => page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
    await eventually(() => page.locator('#bar').isVisible(), false);
  });
});

test('320 pixels and a zoom of 200 %: nothing scrolls sideways, the pages are in a menu', async () => {
  for (const path of PAGES) {
    // A zoom of 200 % on 1280 pixels is a window of 640 CSS pixels with two device pixels each.
    for (const options of [{ width: 320, height: 640 }, { width: 640, height: 400, deviceScaleFactor: 2 }]) {
      await visit(path, options, async (page) => {
        await settle(page);
        await noSidewaysScrolling(page);
        await largeTargets(page);
        await page.getByRole('button', { name: 'Pages' }).click();
        await page.getByRole('menuitemcheckbox', { name: 'Status' }).waitFor();
      });
    }
  }
});

test('two dates in a zone of a long name fit into the bar, and times go along in their zone', async () => {
  const range = 'start=2026/10/24-22:00:00&end=2026/10/25-10:00:00&tz=America/Argentina/Buenos_Aires';
  await visit(`/#/explore?${range}&metric=sys.cpu.user`, async (page) => {
    await settle(page);
    await noSidewaysScrolling(page);
    await eventually(() => page.locator('.range-label').evaluate((label) => label.scrollWidth <= label.clientWidth && label.textContent), '2026-10-24 22:00 – 2026-10-25 10:00');
    const series = page.locator('.explore-series-list a[href*="tsuid"]').first();
    await eventually(() => series.getAttribute('href'), /tz=America\/Argentina\/Buenos_Aires/);
    for (const width of [901, 1024, 1101]) {
      await page.setViewportSize({ width, height: 700 });
      await noSidewaysScrolling(page);
      await largeTargets(page);
      await eventually(() => page.locator('.range-label').evaluate((label) => label.clientWidth), (room) => room > 60, `room for the range at ${width}`);
    }
    // Another zone shows the same instants.
    await page.locator('.range-open').click();
    await page.getByRole('dialog', { name: 'Time range' }).getByRole('button', { name: 'UTC', exact: false }).first().click();
    await page.getByRole('dialog', { name: 'Time range' }).getByRole('button', { name: 'Show', exact: true }).click();
    await eventually(() => page.locator('.range-label').textContent(), '2026-10-25 01:00 – 13:00');
  });
});

test('who wants no motion gets none, and forced colours show what is chosen', async () => {
  await visit('/#/status', { reducedMotion: 'reduce' }, async (page) => {
    await settle(page);
    await eventually(() => page.evaluate(() => document.getAnimations().filter((a) => a.playState === 'running' && a.effect.getComputedTiming().duration > 10).length), 0);
    const slow = await page.evaluate(() => [...document.querySelectorAll('*')].filter((e) => parseFloat(getComputedStyle(e).transitionDuration) > 0.02).map((e) => e.className));
    assert.deepEqual(slow, []);
  });
  await visit('/#/status', { forcedColors: 'active' }, async (page) => {
    await settle(page);
    await axe(page);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await eventually(() => page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), (style) => style !== 'none');
  });
});
