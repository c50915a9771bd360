// The page Explore: names found, a metric's series, tags and meta data, hosts and what they send, trees.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EVIL_TAG, EVIL_TEXT, HOSTS, LONG_METRIC } from './data.mjs';
import { BASE, axe, close, eventually, json, largeTargets, noSidewaysScrolling, send, shiftsFrom, still, tabThrough, visit } from './helper.mjs';

after(close);

/** Hosts that fill more than one page. */
const MANY = 120;
const many = (n) => `page${String(n).padStart(3, '0')}`;
before(async () => {
  const now = Math.floor(Date.now() / 1000);
  await send('/api/put', Array.from({ length: MANY }, (_, n) => ({ metric: 'pager.load', timestamp: now - 5, value: n, tags: { host: many(n), dc: n % 2 ? 'ams' : 'lga' } })));
  await eventually(async () => (await json('/api/ui/hosts?q=dc%3Dlga')).total, MANY / 2, 'the hosts are known');
});

const names = (page) => page.locator('.explore-list a.explore-name');
const count = (locator, expected, what) => eventually(() => locator.count(), expected, what);
const shown = (page) => names(page).allInnerTexts();
const metric = (name, more = '') => `/#/explore?metric=${encodeURIComponent(name)}${more}`;
const pane = (page) => page.getByRole('region', { name: 'Chosen metric' });
const search = (page) => page.getByRole('searchbox', { name: 'Search metrics', exact: true });
const hash = (page) => page.evaluate(() => decodeURIComponent(location.hash));
const hashHas = (page, text) => page.waitForFunction((part) => decodeURIComponent(location.hash).includes(part), text);
const fact = (page, name) => pane(page).locator('.explore-facts div', { hasText: name }).locator('dd').innerText();
const drawn = (scope) => scope.locator('.picture canvas').first().waitFor();

test('metrics are listed, found by parts of words, and opened by the keyboard alone', async () => {
  const total = async () => (await json('/api/ui/metrics')).total;
  const least = await total();
  await visit('/#/explore', async (page) => {
    await names(page).first().waitFor();
    // Other tests make metrics at the same time: there are never fewer.
    const told = await eventually(async () => Number(/\d+/.exec((await page.locator('.explore-total').textContent()).replaceAll('\u202f', ''))[0]), (now) => now >= least, `metrics, ${least} at least`);
    const most = await total();
    assert.ok(told <= most, `${told} metrics of ${most}`);
    await eventually(() => page.title(), 'Explore · tsdb');
    await search(page).focus();
    await page.keyboard.type('mem PROC');
    await page.getByRole('heading', { name: '1 metric' }).waitFor();
    await eventually(() => shown(page), ['proc.meminfo.memfree']);
    await eventually(() => page.locator('.explore-list mark').allInnerTexts(), ['proc', 'mem']);
    await hashHas(page, 'q=mem PROC');
    await page.keyboard.press('Enter');
    await hashHas(page, 'metric=proc.meminfo.memfree');
    await pane(page).getByRole('heading', { name: 'proc.meminfo.memfree' }).waitFor();
    await eventually(() => page.title(), 'proc.meminfo.memfree · Explore · tsdb');
    // Arrow keys go from the box into the list and along it.
    await search(page).fill('df.');
    await page.getByRole('heading', { name: '2 metrics' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await hashHas(page, 'metric=df.inodes.free');
    // The newest page of the history is undone by the browser's own way back.
    await page.goBack();
    await hashHas(page, 'metric=proc.meminfo.memfree');
  });
});

test('nothing found says so and leads back to everything', async () => {
  await visit('/#/explore?q=nothing+has+this', async (page) => {
    await page.getByText('No metric has all of this in its name.').waitFor();
    await axe(page);
    await page.getByRole('button', { name: 'Show all metrics' }).click();
    await names(page).first().waitFor();
    await eventually(() => hash(page), (now) => !now.includes('q='));
  });
});

test('metrics are found by regular expressions of their names and of their tags; one that is none is said at its box', async () => {
  await visit('/#/explore', { allow: [/status of 400/] }, async (page) => {
    await names(page).first().waitFor();
    await page.getByRole('button', { name: 'Regular expression' }).focus();
    await page.keyboard.press('Enter');
    await eventually(() => search(page).evaluate((box) => document.activeElement === box), true, 'the cursor is in the box');
    await page.keyboard.type('^df\\.(bytes|inodes)\\.free$');
    await eventually(async () => (await shown(page)).sort(), ['df.bytes.free', 'df.inodes.free']);
    await page.getByRole('treeitem', { name: /^df ?2$/ }).waitFor();
    await search(page).fill('df(');
    await page.getByText(/Unclosed group near index 3/).waitFor();
    await eventually(() => search(page).getAttribute('aria-invalid'), 'true');
    // What was found before stays, and so does the tree.
    assert.deepEqual((await shown(page)).sort(), ['df.bytes.free', 'df.inodes.free']);
    await axe(page, 'an expression that is none');
    await search(page).fill('');
    await eventually(() => search(page).getAttribute('aria-invalid'), null);
    await page.getByText('By tags').click();
    await page.getByLabel('Tag name, a regular expression').fill('^node$');
    await eventually(async () => (await shown(page)).sort(), ['batt', 'temp']);
    await page.getByLabel('Tag value, a regular expression').fill('^92[3-9]$');
    await search(page).fill('^t');
    await eventually(() => shown(page), ['temp']);
    await hashHas(page, 'tagv=^92[3-9]$');
    // Who has the link sees the same.
    await page.reload();
    await eventually(() => shown(page), ['temp']);
    await eventually(() => page.getByLabel('Tag name, a regular expression').inputValue(), '^node$');
    await eventually(() => page.getByRole('button', { name: 'Regular expression' }).getAttribute('aria-pressed'), 'true');
    await axe(page, 'a search by tags');
    await largeTargets(page);
    await page.getByLabel('Tag value, a regular expression').fill('^0$');
    await page.getByText('No metric fits.').waitFor();
    await page.getByRole('button', { name: 'Show all metrics' }).click();
    await names(page).nth(2).waitFor();
    await eventually(() => hash(page), (now) => !/tagk|tagv|re=/.test(now));
  });
});

test('the tree of names opens by keys, counts, and narrows the list', async () => {
  await visit('/#/explore', async (page) => {
    const proc = page.getByRole('treeitem', { name: /^proc ?4$/ });
    await proc.waitFor();
    await proc.focus();
    await page.keyboard.press('ArrowRight');
    await page.getByRole('treeitem', { name: /^loadavg ?2$/ }).waitFor();
    await eventually(() => proc.getAttribute('aria-expanded'), 'true');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await hashHas(page, 'prefix=proc.loadavg.');
    await page.getByRole('heading', { name: '2 metrics' }).waitFor();
    await eventually(async () => (await shown(page)).sort(), ['proc.loadavg.1min', 'proc.loadavg.5min']);
    await page.getByRole('treeitem', { name: /^1min/ }).waitFor();
    await page.keyboard.press('ArrowDown'); // its first leaf
    await page.keyboard.press('Enter');
    await hashHas(page, 'metric=proc.loadavg.1min');
    await page.getByRole('button', { name: 'proc.loadavg.*' }).click();
    await page.waitForFunction(() => !location.hash.includes('prefix'));
  });
});

test('a reload leaves branches open, the focus where it is, the list at its place and the picture drawn', async () => {
  await visit(metric('sys.cpu'), { height: 500 }, async (page) => {
    const proc = page.getByRole('treeitem', { name: /^proc ?4$/ });
    await proc.focus();
    await page.keyboard.press('ArrowRight');
    const load = page.getByRole('treeitem', { name: /^loadavg ?2$/ });
    await load.waitFor();
    await page.keyboard.press('ArrowDown');
    await drawn(pane(page));
    const box = page.locator('.explore-results');
    await names(page).nth(20).waitFor();
    await box.evaluate((element) => { element.scrollTop = 200; });
    await still(page);
    await pane(page).locator('.picture canvas').first().evaluate((canvas) => { canvas.dataset.kept = 'yes'; });
    const [tree, list] = ['/api/ui/prefixes?prefix=proc.', '/api/ui/metrics?'].map((path) => page.waitForResponse((answer) => answer.url().includes(path)));
    await page.keyboard.press('r');
    await Promise.all([tree, list]);
    await still(page);
    await load.waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), await load.innerText().then((text) => text.replace(/\s/g, '')));
    assert.equal(await box.evaluate((element) => element.scrollTop), 200);
    await pane(page).locator('canvas[data-kept]').waitFor();
  });
});

test('a reload that fails takes nothing away', async () => {
  await visit(metric('sys.cpu'), { allow: [/status of 503/] }, async (page) => {
    await drawn(pane(page));
    await still(page);
    await page.route(/api\/ui\/(metrics?|prefixes|series)\?/, (route) => route.fulfill({ status: 503, contentType: 'application/json', body: '{"error":{"code":503,"message":"Too much at once"}}' }));
    await page.keyboard.press('r');
    await pane(page).getByText('Too much at once').first().waitFor();
    await page.getByRole('region', { name: 'Metrics found' }).getByText('Too much at once').waitFor();
    assert.ok(await names(page).first().isVisible());
    await page.getByRole('treeitem').first().waitFor();
    await pane(page).locator('.picture canvas').first().waitFor();
    await axe(page);
    await page.unroute(/api\/ui\/(metrics?|prefixes|series)\?/);
    await page.keyboard.press('r');
    await eventually(() => page.getByText('Too much at once').count(), 0);
  });
});

test('a metric: series, last value and its age, cardinality of each tag, as the API has them', async () => {
  await visit(metric('sys.cpu'), async (page) => {
    await drawn(pane(page));
    const told = await json('/api/ui/metric?metric=sys.cpu');
    await eventually(() => fact(page, 'Series'), String(told.series));
    await eventually(() => fact(page, 'Age'), /ago|just now/);
    await eventually(() => fact(page, 'UID'), told.uid);
    const { series } = await json('/api/ui/series?metric=sys.cpu&max=1000');
    assert.ok(series.some(({ value }) => value === told.value), 'the last value is that of a series');
    await eventually(() => fact(page, 'Last value'), String(told.value));
    for (const tag of told.tags) {
      const card = pane(page).getByRole('region', { name: `Tag ${tag.name}`, exact: true });
      await eventually(() => card.innerText(), new RegExp(`${tag.count} values?`));
      await count(card.locator('.explore-value'), Math.min(8, tag.count));
    }
    await count(pane(page).locator('tbody tr'), series.length);
  });
});

test('values narrow a metric, and links lead to the graph of what is chosen', async () => {
  const countIs = async (page, tags) => {
    const { series } = await json(`/api/ui/metric?metric=sys.cpu&tags=${tags}`);
    await page.waitForFunction((text) => document.querySelector('.explore-facts dd')?.textContent === text, String(series));
  };
  await visit(metric('sys.cpu'), async (page) => {
    const card = pane(page).getByRole('region', { name: 'Tag host', exact: true });
    await card.getByRole('button', { name: /^web01/ }).click();
    await hashHas(page, 'tags=host=web01');
    await countIs(page, 'host=web01');
    const type = pane(page).getByRole('region', { name: 'Tag type', exact: true });
    await type.getByRole('button', { name: /^user/ }).click();
    await hashHas(page, 'tags=host=web01,type=user');
    await countIs(page, 'host=web01,type=user');
    await eventually(async () => decodeURIComponent(await pane(page).getByRole('link', { name: 'Graph', exact: true }).getAttribute('href')), /m=sum:sys\.cpu\{host=web01,type=user\}/);
    await pane(page).getByRole('button', { name: 'Take away type=user' }).click();
    await countIs(page, 'host=web01');
    await eventually(async () => decodeURIComponent(await type.getByRole('link', { name: 'split' }).getAttribute('href')), /m=sum:sys\.cpu\{host=web01,type=\*\}/);
    // What was chosen is in the address: somebody else sees the same.
    const address = await page.evaluate(() => location.hash);
    await visit(`/${address}`, async (other) => {
      await countIs(other, 'host=web01');
      await count(other.getByRole('button', { name: 'Take away host=web01' }), 1);
    });
  });
});

test('"show all" shows all values, and finds some', async () => {
  await visit(metric('many.lines'), async (page) => {
    await pane(page).getByRole('button', { name: 'Show all 60' }).click();
    const dialog = page.getByRole('dialog', { name: 'Values of n' });
    await dialog.getByText('60 values').waitFor();
    await count(dialog.locator('.explore-value'), 60);
    await axe(page);
    await eventually(() => dialog.getByRole('searchbox').evaluate((box) => box === document.activeElement), true, 'the cursor is in the box');
    await page.keyboard.type('05');
    await dialog.getByText('11 values').waitFor();
    await dialog.getByRole('button', { name: /^n050/ }).click();
    await page.keyboard.press('Escape');
    await hashHas(page, 'tags=n=n050');
    await page.waitForFunction(() => document.querySelector('.explore-facts dd')?.textContent === '1');
  });
});

test('more values than one answer holds come while one scrolls', async () => {
  const now = Math.floor(Date.now() / 1000);
  for (let part = 0; part < 2; part += 1) await send('/api/put', Array.from({ length: 600 }, (_, n) => ({ metric: 'wide.tag', timestamp: now - 9, value: 1, tags: { id: `v${part * 600 + n}` } })));
  await eventually(async () => (await json('/api/ui/metric?metric=wide.tag')).tags[0].count, 1200, 'all values are known');
  await visit(metric('wide.tag'), async (page) => {
    await pane(page).getByRole('button', { name: /^Show all 1.200/ }).click();
    const list = page.getByRole('dialog').locator('.explore-all');
    for (let want = 500; want < 1200; want += 500) {
      await page.waitForFunction((least) => document.querySelectorAll('.explore-all .explore-value').length >= least, want);
      await list.evaluate((element) => { element.scrollTop = element.scrollHeight; });
    }
    await page.waitForFunction(() => document.querySelectorAll('.explore-all .explore-value').length === 1200);
  });
});

test('meta data of a metric is written, shown as text, and deleted', async () => {
  const { uid } = await json('/api/ui/metric?metric=lat');
  const stored = () => json(`/api/uid/uidmeta?type=METRIC&uid=${uid}`);
  await visit(metric('lat'), async (page) => {
    await page.getByRole('button', { name: 'Edit' }).click();
    const dialog = page.getByRole('dialog', { name: 'Metric lat' });
    await dialog.getByLabel('Display name').fill('Latency');
    await dialog.getByLabel('Notes').fill(EVIL_TEXT);
    await dialog.getByRole('button', { name: 'Add a field' }).click();
    await dialog.getByLabel('Name of a field of your own').fill('owner');
    await dialog.getByLabel('Its text').fill('<b>ops</b>');
    await axe(page);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('<b>ops</b>').waitFor();
    const meta = await stored();
    assert.deepEqual([meta.displayName, meta.custom], ['Latency', { owner: '<b>ops</b>' }]);
    assert.equal(meta.notes.replace(/\r/g, ''), EVIL_TEXT);
    await page.reload();
    await page.getByText('<b>ops</b>').waitFor();
    // Cleared fields are cleared.
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('dialog').getByLabel('Display name').fill('');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal((await stored()).displayName, '');
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('dialog', { name: 'Delete this meta data?' }).getByRole('button', { name: 'Delete' }).click();
    await page.getByText('Nobody has written anything about it yet.').waitFor();
    assert.equal((await stored()).notes, '');
  });
});

test('who writes meta data that somebody else wrote meanwhile is asked first', async () => {
  const { uid } = await json('/api/ui/metric?metric=proc.meminfo.memfree');
  const write = (description) => send('/api/uid/uidmeta', { uid, type: 'METRIC', description }, 'PUT');
  const stored = async () => (await json(`/api/uid/uidmeta?type=METRIC&uid=${uid}`)).description;
  await write('at first');
  await visit(metric('proc.meminfo.memfree'), { allow: [/304/] }, async (page) => {
    const open = async () => {
      await page.getByRole('button', { name: 'Edit' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Description').waitFor();
      return dialog;
    };
    const dialog = await open();
    await dialog.getByLabel('Description').fill('mine');
    await write('theirs');
    await dialog.getByRole('button', { name: 'Save', exact: true }).click();
    await dialog.getByText('Somebody else has written this meanwhile:').waitFor();
    await dialog.getByText('theirs', { exact: true }).waitFor();
    await axe(page);
    assert.equal(await stored(), 'theirs', 'nothing was overwritten');
    await dialog.getByRole('button', { name: 'Save mine over theirs' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await stored(), 'mine');
    await open();
    await dialog.getByLabel('Description').fill('mine again');
    await write('theirs again');
    await dialog.getByRole('button', { name: 'Save', exact: true }).click();
    await dialog.getByRole('button', { name: 'Take theirs' }).click();
    await eventually(() => dialog.getByLabel('Description').inputValue(), 'theirs again');
    // Nothing is sent for nothing.
    await dialog.getByRole('button', { name: 'Save', exact: true }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await stored(), 'theirs again');
  });
});

test('meta data of tags, values and series is written', async () => {
  // None is there, also when these tests are run again on the same server.
  const { series: before } = await json('/api/ui/series?metric=df.bytes.free&tags=host=web02');
  for (const { tsuid } of before) await fetch(`${BASE}/api/uid/tsmeta?tsuid=${tsuid}&method_override=delete`);
  await visit(metric('df.bytes.free'), { allow: [/404/] }, async (page) => {
    const host = pane(page).getByRole('region', { name: 'Tag host', exact: true });
    await host.getByRole('button', { name: 'Meta data of the tag host' }).click();
    await page.getByRole('dialog').getByLabel('Description').fill('a machine');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const tag = (await json('/api/ui/metric?metric=df.bytes.free')).tags.find(({ name }) => name === 'host');
    assert.equal((await json(`/api/uid/uidmeta?type=TAGK&uid=${tag.uid}`)).description, 'a machine');
    // A value, from the list of all.
    await host.getByRole('button', { name: '4 values' }).click();
    await page.getByRole('button', { name: 'Meta data of the value web02' }).click();
    const dialog = page.getByRole('dialog', { name: 'Value web02' });
    await dialog.getByLabel('Description').fill('the second');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    const [{ uid }] = (await json('/api/ui/names?type=tagv&q=web02')).hits;
    assert.equal((await json(`/api/uid/uidmeta?type=TAGV&uid=${uid}`)).description, 'the second');
    // A series that has none: saving makes it. A number that is none is refused at its field.
    const row = pane(page).locator('tbody tr', { hasText: 'web02' }).first();
    await row.getByRole('button', { name: /^Meta data of/ }).click();
    const series = page.getByRole('dialog', { name: 'Series' });
    await series.getByText('There is none yet').waitFor();
    await series.getByLabel('Unit').fill('bytes');
    await series.getByLabel('Highest value').fill('many');
    await series.getByRole('button', { name: 'Save' }).click();
    await series.getByText('"many" is no number.').waitFor();
    await series.getByLabel('Highest value').fill('5e13');
    await series.getByRole('button', { name: 'Save' }).click();
    await series.waitFor({ state: 'detached' });
    const { series: all } = await json('/api/ui/series?metric=df.bytes.free&tags=host=web02');
    const found = async () => (await Promise.all(all.map(({ tsuid }) => fetch(`${BASE}/api/uid/tsmeta?tsuid=${tsuid}`).then((r) => (r.ok ? r.json() : null))))).filter(Boolean);
    await eventually(async () => (await found()).map(({ units, max }) => [units, max]), [['bytes', 5e13]]);
  });
});

test('pictures are drawn when they come into sight, and not before', async () => {
  await visit('/#/explore?view=pictures', async (page, { requests }) => {
    await drawn(page.locator('.explore-list'));
    await still(page);
    const asked = () => requests.filter(({ path }) => path.startsWith('/api/query?')).length;
    const first = asked();
    const { total } = await json('/api/ui/metrics');
    assert.ok(first > 0 && first < total, `${first} of ${total} at once`);
    await eventually(() => page.getByRole('button', { name: 'Pictures' }).getAttribute('aria-pressed'), 'true');
    await page.locator('.explore-results').evaluate((element) => { element.scrollTop = element.scrollHeight; });
    await eventually(() => asked(), (now) => now > first, 'scrolled into sight');
    const picture = page.locator('.explore-list .picture-chart[aria-label^="Sum of"]').first();
    await eventually(() => picture.getAttribute('aria-label'), /^Sum of /);
  });
});

test('bookmarks stay, the address is copied', async () => {
  await visit(metric('temp'), { permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
    await pane(page).getByRole('button', { name: 'Bookmark', exact: true }).click();
    await page.locator('.explore-marks').getByRole('link', { name: 'temp' }).waitFor();
    await pane(page).getByRole('button', { name: 'Copy the address of this page' }).click();
    await page.getByText('The address is copied.').waitFor();
    await eventually(() => page.evaluate(() => navigator.clipboard.readText()), page.url());
    await page.goto('/#/explore?q=co2');
    await page.reload();
    await page.locator('.explore-marks').getByRole('link', { name: 'temp' }).click();
    await hashHas(page, 'metric=temp');
    await page.getByRole('button', { name: 'Remove the bookmark of temp' }).click();
    await count(page.locator('.explore-marks li'), 0);
  });
});

test('a metric without points in the range leads to its newest', async () => {
  await visit(metric('car.data'), async (page) => {
    await page.getByText(/The newest point is \d+ y ago/).waitFor();
    await page.getByRole('button', { name: 'Go there' }).click();
    await hashHas(page, 'start=2019/06/0');
    await page.waitForFunction(() => document.querySelector('.explore-gap')?.textContent === '');
  });
});

test('a metric that is not there, and a server that fails, are told in words', async () => {
  await visit(metric('no.such.metric'), { allow: [/404/] }, async (page) => {
    await pane(page).getByText("No such name for 'metrics': 'no.such.metric'").waitFor();
    await axe(page);
  });
  await visit('/#/explore', { allow: [/503|ERR_FAILED/], before: (page) => page.route('**/api/ui/metrics?*', (route) => route.fulfill({ status: 503, contentType: 'application/json', body: '{"error":{"code":503,"message":"storage is not reachable"}}' }), { times: 1 }) }, async (page) => {
    await page.getByText('storage is not reachable').waitFor();
    await page.getByRole('button', { name: 'Try again' }).click();
    await names(page).first().waitFor();
  });
});

test('a TSD without metrics says how to send one', async () => {
  const nothing = (route) => route.fulfill({ status: 200, contentType: 'application/json', body: '{"total":0,"loading":false,"limited":false,"hits":[]}' });
  await visit('/#/explore', { before: (page) => page.route('**/api/ui/{metrics,prefixes}?*', nothing) }, async (page) => {
    await page.getByRole('heading', { name: 'No metrics yet' }).waitFor();
    await eventually(() => page.locator('.example').first().innerText(), new RegExp(`curl -d .*${new URL(BASE).host}/api/put`));
    await axe(page);
  });
});

test('names that are markup, or long, or written from right to left are text', async () => {
  await visit(metric('odd.markup'), async (page) => {
    await pane(page).getByRole('button', { name: EVIL_TAG.slice(0, 12) }).first().waitFor();
    await eventually(() => pane(page).innerText(), (text) => text.includes(EVIL_TAG));
    await pane(page).locator('.explore-value', { hasText: EVIL_TAG.slice(0, 12) }).click();
    await page.waitForFunction(() => document.querySelector('.explore-facts dd')?.textContent === '1');
  });
  await visit(metric(LONG_METRIC), { width: 400 }, async (page) => {
    await pane(page).getByRole('heading', { name: LONG_METRIC }).waitFor();
    await noSidewaysScrolling(page);
  });
});

// ---------------------------------------------------------------- hosts

const hostList = (page) => page.getByRole('listbox', { name: 'Hosts', exact: true });
const metricList = (page) => page.getByRole('listbox', { name: 'Metrics of the chosen hosts' });
const chosen = (list) => list.locator('[aria-selected=true] .name').allInnerTexts();
const chosenAre = (page, expected) => eventually(() => chosen(hostList(page)), expected);
const hostOf = (page, name) => hostList(page).getByRole('option', { name: new RegExp(`^${name}`) });

test('hosts are searched by words and tags, by page, and filtered', async () => {
  await visit('/#/explore?tab=hosts', async (page) => {
    const box = page.getByRole('searchbox', { name: /^Search hosts/ });
    const state = page.locator('.explore-pick [role=status]').first();
    await box.fill('web fstype=ext4');
    await page.waitForFunction(() => document.querySelectorAll('.choices [role=option] .name').length === 3);
    await eventually(() => hostList(page).locator('.name').allInnerTexts(), HOSTS.filter((host) => host.startsWith('web')));
    await box.fill('dc=lga');
    await state.getByText(`${MANY / 2} hosts, 1 to 50`).waitFor();
    await page.getByRole('button', { name: 'Next page' }).click();
    await state.getByText(`${MANY / 2} hosts, 51 to 60`).waitFor();
    await eventually(() => hostList(page).locator('.name').allInnerTexts(), Array.from({ length: 10 }, (_, n) => many(100 + 2 * n)));
    await page.getByRole('combobox', { name: 'Hosts of a page' }).selectOption('100');
    await page.waitForFunction(() => document.querySelectorAll('.choices [role=option] .name').length === 60);
    await hashHas(page, 'limit=100');
    await page.getByRole('searchbox', { name: 'Filter this page of hosts' }).fill('page01');
    await count(hostList(page).locator('[role=option]:visible'), 5);
    // Only what is shown is chosen by "All".
    await page.getByRole('button', { name: 'All' }).first().click();
    await eventually(async () => (await chosen(hostList(page))).length, 5);
  });
});

test('hosts are chosen by clicks, with Shift, and by keys; their metrics are drawn in three views', async () => {
  await visit('/#/explore?tab=hosts&q=web', async (page) => {
    await hostOf(page, 'web01').click();
    await hostOf(page, 'web03').click({ modifiers: ['Shift'] });
    await chosenAre(page, ['web01', 'web02', 'web03']);
    await hostOf(page, 'web02').click();
    await hashHas(page, 'host=web01&host=web03');
    await chosenAre(page, ['web01', 'web03']);
    // The list is asked for again after each choice: the focus stays where it is.
    await hostOf(page, 'web02').focus();
    await page.keyboard.press('Space');
    await chosenAre(page, ['web01', 'web02', 'web03']);
    await still(page);
    await eventually(() => page.evaluate(() => document.activeElement.title), 'web02');
    await page.keyboard.press('Space');
    await chosenAre(page, ['web01', 'web03']);
    await page.keyboard.press('Control+a');
    await chosenAre(page, ['web01', 'web02', 'web03']);
    // Metrics of these hosts, as the API counts them.
    const told = await json('/api/ui/counters?host=web01&host=web02&host=web03&max=1000');
    await page.getByRole('region', { name: 'Metrics' }).getByRole('status').getByText(`${told.total} metrics`).waitFor();
    await page.getByRole('searchbox', { name: 'Search metrics of the chosen hosts' }).fill('load');
    await page.waitForFunction(() => document.querySelectorAll('[aria-label="Metrics of the chosen hosts"] .name').length === 2);
    await metricList(page).getByRole('option').first().click();
    await metricList(page).getByRole('option').last().click({ modifiers: ['Shift'] });
    await hashHas(page, 'metric=proc.loadavg.1min&metric=proc.loadavg.5min');
    const titles = () => page.locator('.explore-graphs .explore-name').allInnerTexts();
    await eventually(titles, ['web01', 'web02', 'web03']);
    await drawn(page.locator('.explore-graphs'));
    // Metrics are told apart by their names alone where each is one line.
    await eventually(() => page.locator('.explore-graphs li.card').first().locator('.picture-legend li').allInnerTexts(), ['proc.loadavg.1min', 'proc.loadavg.5min']);
    // One host less: the pictures of the others stay.
    await still(page);
    const third = page.locator('.explore-graphs li.card').nth(2).locator('canvas').first();
    await third.evaluate((canvas) => { canvas.dataset.kept = 'yes'; });
    await hostOf(page, 'web01').click();
    await eventually(titles, ['web02', 'web03']);
    await still(page);
    await page.locator('.explore-graphs canvas[data-kept]').waitFor();
    await hostOf(page, 'web01').click();
    await eventually(titles, ['web01', 'web02', 'web03']);
    await page.getByRole('button', { name: 'A graph for each metric' }).click();
    await eventually(titles, ['proc.loadavg.1min', 'proc.loadavg.5min']);
    await drawn(page.locator('.explore-graphs'));
    await page.waitForFunction(() => document.querySelectorAll('.explore-graphs .picture-legend li').length === 6);
    await page.getByRole('button', { name: 'All in one' }).click();
    await eventually(async () => (await titles()).length, 1);
    await page.waitForFunction(() => document.querySelectorAll('.explore-graphs .picture-legend li').length === 6);
    await eventually(async () => decodeURIComponent(await page.locator('.explore-graphs .explore-name').getAttribute('href')), /m=sum:proc\.loadavg\.1min\{host=web01\|web02\|web03\}/);
    await axe(page);
    await largeTargets(page);
    const address = await page.evaluate(() => location.hash);
    await visit(`/${address}`, { dark: true }, async (other) => {
      await other.waitForFunction(() => document.querySelectorAll('.explore-graphs .picture-legend li').length === 6);
      await chosenAre(other, ['web01', 'web02', 'web03']);
      await axe(other);
    });
  });
});

test('another tag can stand in the place of hosts', async () => {
  await visit('/#/explore?tab=hosts&tag=dc', async (page) => {
    await page.waitForFunction(() => document.querySelectorAll('.choices [role=option] .name').length === 2);
    await eventually(() => hostList(page).locator('.name').allInnerTexts(), ['ams', 'lga']);
  });
});

// ---------------------------------------------------------------- trees

// Branches and series are those of a real tree: trees.test.mjs.
test('trees: none, and an empty one', async () => {
  for (const { treeId } of await json('/api/tree')) await send('/api/tree', { treeId, definition: true }, 'DELETE');
  await visit('/#/explore?tab=trees', async (page) => {
    await page.getByRole('heading', { name: 'No trees yet' }).waitFor();
    await axe(page);
  });
  await json('/api/tree', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"name":"by host","description":"hosts, then metrics"}' });
  await visit('/#/explore?tab=trees', { allow: [/404/] }, async (page) => {
    await page.getByRole('heading', { name: 'This tree is empty' }).waitFor();
    await page.getByText('hosts, then metrics').waitFor();
  });
});

// ---------------------------------------------------------------- all of it

test('no serious finding of axe in both themes; targets are large enough; the focus is seen everywhere', async () => {
  for (const dark of [false, true]) {
    for (const path of [metric('sys.cpu', '&tags=host=web01'), '/#/explore?view=pictures', '/#/explore?tab=hosts&q=web']) {
      await visit(path, { dark }, async (page) => {
        await page.locator('.explore-list a, .choices [role=option]').first().waitFor();
        await axe(page);
        await largeTargets(page);
      });
    }
  }
  await visit(metric('sys.cpu.user'), async (page) => {
    await drawn(pane(page));
    const stops = await tabThrough(page, 90);
    assert.ok(stops.some((stop) => stop.includes('Graph')), stops.join('\n'));
  });
});

test('narrow windows and large type need no sideways scrolling', async () => {
  for (const path of [metric('sys.cpu'), '/#/explore?view=pictures', '/#/explore?tab=hosts&host=web01&metric=lat', '/#/explore?tab=trees']) {
    await visit(path, { width: 320, height: 640, allow: [/404/] }, async (page) => {
      await page.locator('.explore-panel').waitFor();
      await noSidewaysScrolling(page);
    });
  }
});

test('on a phone nothing of a metric has to be scrolled to sideways', async () => {
  await visit(metric('sys.cpu'), { width: 390 }, async (page) => {
    await drawn(pane(page));
    await page.locator('.explore-series-list tbody tr').nth(5).waitFor();
    await noSidewaysScrolling(page);
    const wide = await pane(page).locator('.scroll').evaluateAll((boxes) => boxes.filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => `${box.className} ${box.scrollWidth} of ${box.clientWidth}`));
    assert.deepEqual(wide, []);
    await largeTargets(page);
  });
});

test('nothing moves when numbers come late', async () => {
  await visit('/#/explore', async (page) => {
    await names(page).first().waitFor();
    const moved = await shiftsFrom(page);
    const again = page.waitForResponse(/api\/ui\/metrics/);
    await page.keyboard.press('r');
    await again;
    await still(page);
    await page.waitForTimeout(2000); // what is not known yet is asked for again
    await still(page);
    const { shift, shifts } = await moved();
    assert.ok(shift < 0.002, `moved by ${shift}:\n${shifts.join('\n')}`);
  });
});
