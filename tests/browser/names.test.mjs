// Names and texts that are unkind to pages: markup, quotes, line ends, letters from right to left, 4,000 characters. They
// are shown as they are, cut where they are long, and never become elements.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { EVIL_TAG, EVIL_TEXT, LONG_METRIC, RTL_METRIC } from './data.mjs';
import { charted, chartOf } from './graph.mjs';
import { axe, close, eventually, json, noSidewaysScrolling, send, still, visit } from './helper.mjs';

after(close);

/** No element came out of a text. */
async function nothingFromTexts(page) {
  const made = await page.evaluate(() => [...document.querySelectorAll('img, iframe, object, embed, form[action], script:not([src]), [onerror], [onload]')].map((e) => e.outerHTML.slice(0, 200)));
  assert.deepEqual(made, []);
}

const fragment = (m) => `/#start=2h-ago&m=${encodeURIComponent(m)}`;

test('tag values with markup are text in legend, table and read-out', async () => {
  await visit(fragment('sum:odd.markup{host=*}'), async (page) => {
    assert.equal((await charted(page)).lines, 3);
    await page.getByText(EVIL_TAG, { exact: true }).first().waitFor();
    await page.getByText('ünïcödé', { exact: true }).first().waitFor();
    await page.getByRole('tab', { name: /^Table/ }).click();
    await page.getByText(EVIL_TAG).first().waitFor();
    const box = await chartOf(page).boundingBox();
    for (let part = 1; part < 8; part += 1) await page.mouse.move(box.x + (box.width * part) / 8, box.y + box.height / 2);
    await nothingFromTexts(page);
    await axe(page);
  });
});

test('notes with markup are text', async () => {
  await visit(fragment('sum:sys.cpu.user{host=web01}'), async (page) => {
    assert.equal((await charted(page)).lines, 1);
    // The pointer over the whole width meets every mark.
    const box = await chartOf(page).boundingBox();
    for (let x = box.x + 2; x < box.x + box.width; x += 6) await page.mouse.move(x, box.y + box.height - 60);
    await still(page);
    await nothingFromTexts(page);
    const shown = await page.evaluate(() => document.body.textContent);
    assert.ok(!shown.includes('undefined') && !shown.includes('[object'), 'a broken text');
  });
});

test('a metric from right to left and one of 4,000 characters: shown, cut, with the whole as title', async () => {
  await visit(fragment(`sum:${RTL_METRIC}`), async (page) => {
    assert.equal((await charted(page)).lines, 1);
    await page.getByText('שלום').first().waitFor();
    await noSidewaysScrolling(page);
  });
  await visit(fragment(`sum:${LONG_METRIC}`), async (page) => {
    assert.equal((await charted(page)).lines, 1);
    await noSidewaysScrolling(page);
    await eventually(() => page.evaluate((name) => [...document.querySelectorAll('[title]')].some((e) => e.title.includes(name)), LONG_METRIC), true, 'somewhere is the whole name');
  });
});

test('letters beyond Latin-1: drawn, and told where lists have them as ?', async () => {
  const now = Math.floor(Date.now() / 1000);
  await send('/api/put', [{ metric: '温度.室内', timestamp: now - 60, value: 21, tags: { 场所: '北京' } }, { metric: 'température', timestamp: now - 60, value: 22, tags: { ville: 'Besançon' } }]);
  // Which of both names an answer has depends on what the server has in its memory.
  await visit(`/#start=1h-ago&m=${encodeURIComponent('none:温度.室内')}`, async (page) => {
    assert.equal((await charted(page)).lines, 1);
    await eventually(() => page.locator('main table').first().innerText(), /温度\.室内|\?\?\.\?\?/);
  });
  const known = async (page) => page.route('**/api/ui/metrics?*', (route) => {
    const hits = new URL(route.request().url()).searchParams.get('q') === '??' ? [{ name: '??.??', series: 1, last: now }] : [];
    return route.fulfill({ contentType: 'application/json', body: JSON.stringify({ total: hits.length, loading: false, limited: false, hits }) });
  });
  await visit('/#start=1h-ago&m=sum:lat', { before: known }, async (page) => {
    await charted(page);
    await page.getByRole('combobox', { name: 'Find a metric' }).fill('漢字');
    await page.getByText('Names keep letters beyond Latin-1 as “?”').waitFor();
    await page.getByRole('option', { name: /^\?\?\.\?\?/ }).click();
    await eventually(() => page.evaluate(() => decodeURIComponent(location.hash)), /m=sum:\?\?\.\?\?/);
    assert.equal((await charted(page)).lines, 1);
  });
  await visit('/', async (page) => {
    await page.locator('main input[role=combobox]').first().fill('température');
    await page.getByRole('option', { name: /^température/ }).click();
    assert.equal((await charted(page)).lines, 1);
    await page.getByText('Besançon').first().waitFor();
  });
});

test('links with markup in every parameter: text and errors, nothing else', async () => {
  const evil = '<img src=x onerror="window.__xss=1">';
  for (const link of [
    `/#start=1h-ago&m=${encodeURIComponent(`sum:${evil}`)}`,
    `/#start=1h-ago&m=sum:${evil}`,
    `/#start=${encodeURIComponent(evil)}&m=sum:x`,
    `/#start=1h-ago&end=${encodeURIComponent(evil)}&m=sum:x`,
    `/#start=1h-ago&m=sum:x&ylabel=${encodeURIComponent(evil)}&title=${encodeURIComponent(evil)}&key=${encodeURIComponent(evil)}&o=${encodeURIComponent(evil)}`,
    `/#start=1h-ago&m=sum:x&tz=${encodeURIComponent(evil)}&yrange=${encodeURIComponent(evil)}&yformat=${encodeURIComponent(evil)}`,
    `/#/explore?q=${encodeURIComponent(evil)}`,
    `/#/screens/${encodeURIComponent(evil)}`,
    `/#/status?tab=log&q=${encodeURIComponent(evil)}`,
    `/#/${encodeURIComponent(evil)}`,
  ]) {
    await visit(link, { allow: [/status of (400|404)/] }, async (page) => {
      await page.waitForFunction(() => document.querySelector('#page')?.textContent.trim());
      await still(page);
      await nothingFromTexts(page);
      assert.doesNotMatch(await page.title(), /undefined/);
    });
  }
});

test('running queries and log lines with markup are text on Status', async () => {
  await visit('/#/status?tab=queries', { allow: [/status of 400/] }, async (page) => {
    await page.evaluate((text) => fetch(`/api/query?start=1h-ago&m=sum:x%7Bh=${encodeURIComponent(text)}%7D`).then((answer) => answer.text()), EVIL_TEXT.slice(0, 40));
    // Asked for behind it, and drawn.
    for (let n = 0; n < 2; n += 1) await page.waitForResponse(/api\/ui\/queries/);
    await still(page);
    await nothingFromTexts(page);
  });
});
