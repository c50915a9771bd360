// The page Graph, what people do beyond drawing: notes of spans and which are shown, shapes and stacks, medians, metrics that are
// dragged onto it, reloads that wait for the pointer, what else changed.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { charted, chartOf, queriesOf } from './graph.mjs';
import { axe, close, eventually, json, noSidewaysScrolling, send, visit } from './helper.mjs';

after(close);

const hash = (page) => page.evaluate(() => decodeURIComponent(location.hash));
const polite = (page) => page.locator('#polite').textContent();
const stateOf = (page) => page.locator('.picture-state').textContent();
const now = () => Math.floor(Date.now() / 1000);

/** Points of `metric`, one every `step` s over the last `length` s: `value(seconds before the end)`. */
const write = (metric, tags, { length = 3600, step = 30, value, end = now() }) => send('/api/put?sync', Array.from({ length: Math.floor(length / step) }, (_, n) => ({ metric, tags, timestamp: end - n * step, value: value(n * step) })));

/** Drags over the picture from one part of its width to another, with a key held. Gives the times of both ends, in seconds. */
async function drag(page, from, to, key) {
  const over = page.locator('[aria-roledescription=chart] .u-over');
  const box = await over.boundingBox();
  if (key) await page.keyboard.down(key);
  await page.mouse.move(box.x + box.width * from, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * (from + to) / 2, box.y + box.height / 2, { steps: 3 });
  await page.mouse.move(box.x + box.width * to, box.y + box.height / 2, { steps: 3 });
  await page.mouse.up();
  if (key) await page.keyboard.up(key);
}

/** Rows of pixels from the axis, as parts of the picture's height, of the highest pixel with a colour at a part of its width; null if there is none. */
const highest = (page, share) => page.evaluate((part) => {
  const canvas = document.querySelector('[aria-roledescription=chart] .u-wrap canvas');
  const over = document.querySelector('[aria-roledescription=chart] .u-over');
  const x = Math.round((over.offsetLeft + part * over.clientWidth) * devicePixelRatio);
  const [top, height] = [over.offsetTop, over.clientHeight].map((px) => Math.round(px * devicePixelRatio));
  const { data } = canvas.getContext('2d').getImageData(x, top, 1, height);
  for (let row = 0; row < height; row += 1) {
    const [r, g, b, a] = data.subarray(4 * row, 4 * row + 4);
    if (a > 60 && Math.max(r, g, b) - Math.min(r, g, b) > 50) return 1 - row / height;
  }
  return null;
}, share);
const about = (wanted) => (got) => got !== null && Math.abs(got - wanted) < 0.02;

test('Shift and a drag make a note over that span', async () => {
  const metric = `use.note.${now()}`;
  const [end, length] = [now(), 3600];
  await write(metric, { host: 'a' }, { value: () => 5, end });
  await visit(`/#start=${end - length}&end=${end}&m=sum:${metric}{host=*}`, async (page) => {
    await charted(page);
    await drag(page, 0.25, 0.5, 'Shift');
    const dialog = page.getByRole('dialog', { name: 'Add a note' });
    await dialog.waitFor();
    await axe(page, 'the form of a note');
    await dialog.getByLabel('Text').fill('switch replaced');
    await dialog.getByLabel('Type').fill('works');
    await dialog.getByLabel('Of', { exact: true }).selectOption({ index: 1 });
    await dialog.getByRole('button', { name: 'Save' }).click();
    const note = await eventually(async () => (await json(`/api/query?start=${end - length}&end=${end}&m=sum:${encodeURIComponent(`${metric}{host=*}`)}`))[0].annotations?.[0] ?? null, (one) => one !== null, 'the note by the API');
    assert.deepEqual([note.description, note.custom], ['switch replaced', { type: 'works' }]);
    for (const [got, part] of [[note.startTime, 0.25], [note.endTime, 0.5]]) assert.ok(Math.abs(got - (end - length + part * length)) < 30, `${got} is not ${part} of the range`);
    assert.match(await hash(page), /^#start=\d+&end=\d+&m=/);
    // A flag in the picture: a click on it opens the note.
    const box = await page.locator('[aria-roledescription=chart] .u-over').boundingBox();
    await eventually(async () => {
      if (!(await page.getByRole('dialog', { name: 'Note' }).count())) await page.mouse.click(box.x + (box.width * (note.startTime - end + length)) / length, box.y + 4);
      return page.getByRole('dialog', { name: 'Note' }).count();
    }, 1, 'the note behind its flag');
    await eventually(() => page.getByRole('dialog', { name: 'Note' }).getByLabel('Type').inputValue(), 'works');
  });
});

test('notes by their type, by words, by tags of their series', async () => {
  const metric = `use.types.${now()}`;
  const end = now();
  for (const host of ['a', 'b']) await write(metric, { host }, { value: () => 5, end });
  const answer = await json(`/api/query?start=${end - 3600}&end=${end}&show_tsuids&m=none:${metric}`);
  const tsuid = (host) => answer.find(({ tags }) => tags.host === host).tsuids[0];
  for (const [host, at, type, description] of [['a', 600, 'deploy', 'build 47'], ['a', 1200, 'works', 'new disk'], ['b', 1800, 'deploy', 'build 46']]) await send('/api/annotation', { startTime: end - at, tsuid: tsuid(host), description, custom: { type } });
  await visit(`/#start=${end - 3600}&end=${end}&m=none:${metric}`, async (page) => {
    await charted(page);
    await page.getByRole('button', { name: 'Notes' }).click();
    const menu = page.getByRole('menu', { name: 'Notes' });
    await menu.waitFor();
    await eventually(async () => (await menu.getByRole('menuitemcheckbox').allInnerTexts()).filter((text) => text.startsWith('Only')).map((text) => text.split(/\s+/)), [['Only', 'deploy', '2'], ['Only', 'works', '1']]);
    await menu.getByText('Only deploy').click();
    await eventually(() => hash(page), /x\.notes=type=deploy/);
    await eventually(() => stateOf(page), /2 of 3 notes: type=deploy/);
    await page.getByRole('button', { name: 'Notes' }).click();
    await page.getByText('Only: ', { exact: false }).or(page.getByText('Filter …')).last().click();
    const box = page.getByRole('textbox', { name: 'Only notes with' });
    await box.fill('type=deploy host=b');
    await box.press('Enter');
    await eventually(() => stateOf(page), /1 of 3 notes/);
    await page.evaluate(() => { location.hash = `${location.hash.replace(/&x\.notes=[^&]*/, '')}&x.notes=disk`; });
    await eventually(() => stateOf(page), /1 of 3 notes: disk/);
    await page.getByRole('button', { name: 'Notes' }).click();
    await page.getByText('No filter').click();
    await eventually(() => stateOf(page), (said) => !/notes/.test(said));
    await eventually(() => hash(page), (now) => !/x\.notes/.test(now));
  });
});

test('shapes from 0 to 100 %, stacked: lines lie where their sums are', async () => {
  const metric = `use.shapes.${now()}`;
  const end = now();
  await write(metric, { host: 'a' }, { value: () => 5, end });
  await write(metric, { host: 'b' }, { value: () => 9, end });
  await visit(`/#start=${end - 3600}&end=${end}&m=sum:${metric}{host=*}&yrange=[0:28]`, async (page) => {
    assert.equal((await charted(page)).lines, 2);
    const choose = async (name) => {
      await page.locator('.picture-tools button').nth(2).click();
      await page.getByRole('menuitemcheckbox', { name }).click();
    };
    await eventually(() => highest(page, 0.5), about(9 / 28));
    await choose('Stacked areas');
    await eventually(() => hash(page), /x\.type=stacked/);
    await eventually(() => highest(page, 0.5), about(14 / 28));
    // What is the same everywhere lies in the middle of its own range: at 50 %, and two of them at 100 %.
    await choose('Shapes: each from 0 to 100 %');
    await eventually(() => hash(page), /x\.normal/);
    await page.evaluate(() => { location.hash = location.hash.replace(/yrange=[^&]*/, 'yrange=[0:200]'); });
    await eventually(() => highest(page, 0.5), about(0.5));
    await page.evaluate(() => { location.hash = location.hash.replace('&x.type=stacked', ''); });
    await eventually(() => highest(page, 0.5), about(0.25));
    // Read-outs tell values, not shares.
    await chartOf(page).focus();
    await page.keyboard.press('ArrowRight');
    await eventually(() => polite(page), /: (5|9), use\.shapes/);
  });
});

test('the legend has the median, as the points have it', async () => {
  const metric = `use.median.${now()}`;
  const end = now();
  await write(metric, { host: 'a' }, { value: (before) => (before % 300 === 0 ? 1000 : before / 30), end });
  await visit(`/#start=${end - 3600}&end=${end}&m=sum:${metric}&x.raw=1`, async (page) => {
    await charted(page);
    const [{ dps }] = await json(`/api/query?start=${end - 3600}&end=${end}&arrays&m=sum:${metric}`);
    const sorted = dps.map(([, value]) => value).sort((a, b) => a - b);
    const median = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
    const heads = await page.locator('table.legend thead th').allInnerTexts();
    assert.deepEqual(heads.slice(1), ['min', 'avg', 'median', 'max', 'last']);
    await eventually(() => page.locator('table.legend tbody td').nth(heads.indexOf('median')).innerText(), String(median));
  });
});

test('ranges of a histogram: deeper where more was counted, as picture and as text too', async () => {
  const known = await json('/api/query?start=1d-ago&m=sum:show-histogram-buckets:http.latency&arrays');
  const end = Math.max(...known.flatMap(({ dps }) => dps.map(([at]) => at)));
  const asks = `start=${end - 1800}&end=${end}&m=sum:show-histogram-buckets:http.latency`;
  await visit(`/#${asks}`, async (page) => {
    await page.waitForFunction(() => /^heat map of 4 ranges drawn/.test(document.getElementById('polite').textContent));
    const [answer, rows] = [await json(`/api/query?${asks}&arrays`), page.locator('table.legend tbody tr')];
    await eventually(() => rows.count(), 4);
    // The pointer tells a range and how many were counted in it: one that the API has.
    const box = await page.locator('[aria-roledescription=chart] .u-over').boundingBox();
    const read = async (part) => {
      await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * part);
      await page.mouse.move(box.x + box.width * 0.5 + 1, box.y + box.height * part);
      return page.evaluate(() => [...document.querySelectorAll('.chart-tip .tip-name, .chart-tip .tip-value')].map(({ textContent }) => textContent).join('|'));
    };
    const [value, name] = (await eventually(() => read(0.4), /^\d+\|200 – 1.000$/)).split('|');
    const counts = answer.find(({ metric }) => metric === 'http.latency_200.0_1000.0').dps.map(([, count]) => String(count));
    assert.match(name, /^200/);
    assert.ok(counts.includes(value), `${value} is none of ${[...new Set(counts)].join()}`);
    // The same by /q: a picture, and its points.
    await page.getByRole('button', { name: /^Share/ }).click();
    const links = await page.evaluate(async () => { while (!document.querySelector('.menu a[href*="&png"]')) await new Promise((go) => setTimeout(go, 20)); return [...document.querySelectorAll('.menu a')].map(({ href }) => href); });
    const png = await fetch(links.find((href) => href.endsWith('&png')));
    assert.deepEqual([png.status, png.headers.get('content-type')], [200, 'image/png']);
    const text = await (await fetch(links.find((href) => href.endsWith('&ascii')))).text();
    assert.match(text, /^http\.latency_0\.0_10\.0 \d+ \d+/m);
  });
});

test('a metric is dragged from Explore onto the graph: at the bar, or onto the picture that opens', async () => {
  await visit('/#start=1h-ago&m=sum:proc.loadavg.1min', async (page) => {
    await charted(page);
    await page.evaluate(() => { location.hash = '#/explore?q=proc.'; });
    const row = (name) => page.locator('.explore-list > li', { hasText: name }).first();
    await row('proc.loadavg.5min').waitFor();
    const link = page.locator('nav.pages a[data-page=graph]');
    await row('proc.loadavg.5min').dragTo(link);
    await eventually(() => link.getAttribute('href').then(decodeURIComponent), /m=sum:proc\.loadavg\.1min.*m=sum:proc\.loadavg\.5min/);
    assert.match(await hash(page), /^#\/explore/, 'a drop at the bar stays where it is');
    // Over the bar it opens the graph; the picture takes what is dropped on it.
    await row('proc.meminfo.memfree').hover();
    await page.mouse.down();
    const target = await link.boundingBox();
    await page.mouse.move(target.x + 10, target.y + 10, { steps: 4 });
    await eventually(async () => {
      await page.mouse.move(target.x + 10 + Math.random() * 8, target.y + 12);
      return hash(page);
    }, /^#(?!\/).*5min/);
    const picture = await chartOf(page).boundingBox();
    await page.mouse.move(picture.x + 200, picture.y + 150, { steps: 4 });
    await page.mouse.up();
    await eventually(() => hash(page), /m=sum:proc\.loadavg\.1min.*m=sum:proc\.loadavg\.5min.*m=sum:proc\.meminfo\.memfree/);
    await eventually(() => polite(page), /3 series drawn/);
  });
});

test('the same by keyboard: a adds the metric that has the focus, a button adds one series', async () => {
  await visit('/#/explore?q=cpu.user&metric=proc.loadavg.1min', async (page) => {
    const first = page.locator('.explore-list a.explore-name', { hasText: 'sys.cpu.user' }).first();
    await first.focus();
    await page.keyboard.press('a');
    await page.getByText('Added to the graph, which has 1 query now.').waitFor();
    await axe(page, 'Explore with what was added');
    await page.getByRole('button', { name: /^Add proc\.loadavg\.1min\{host=db1\} to the graph$/ }).press('Enter');
    await page.getByText('Added to the graph, which has 2 queries now.').waitFor();
    await page.getByRole('button', { name: 'Show it' }).click();
    await eventually(() => hash(page), /^#m=sum:sys\.cpu\.user&o=&m=sum:proc\.loadavg\.1min\{host=db1\}/);
    assert.equal((await charted(page)).lines, 2);
  });
});

test('reloads wait while the pointer is on the picture, and catch up once; on a wall they do not', async () => {
  await visit('/#start=10m-ago&m=sum:sys.cpu.user{host=*}&autoreload=5', { before: (page) => page.clock.install({ time: Date.now() }) }, async (page, { requests }) => {
    await page.clock.runFor(1000);
    await charted(page);
    const asked = () => queriesOf(requests).length;
    const answered = () => page.waitForResponse(/\/api\/query/);
    const box = await chartOf(page).boundingBox();
    const on = () => page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const off = () => page.mouse.move(5, 5);
    await on();
    const before = asked();
    await page.clock.runFor(30_000);
    await page.getByText('Reloads wait for the pointer').waitFor();
    assert.equal(asked(), before, 'reloaded under the pointer');
    const caught = answered();
    await off();
    await (await caught).finished();
    // Once; on a slow machine the clock may be at the next one already.
    assert.ok(asked() > before, 'catches up');
    await eventually(() => page.getByText('Reloads wait for the pointer').isVisible(), false);
    // Then the clock goes on.
    const next = answered();
    await eventually(async () => { await page.clock.runFor(5100); return asked(); }, (n) => n > before + 1, 'goes on by itself');
    await (await next).finished();
    await page.evaluate(() => { location.hash += '&x.play'; });
    await eventually(() => hash(page), /x\.play/);
    await on();
    const wall = asked();
    await eventually(async () => { await page.clock.runFor(5100); return asked(); }, (n) => n > wall, 'reloads under the pointer');
  });
});

test('what else changed in a marked span: the series that moved stands first, and can be added', async () => {
  const group = `change${now()}`;
  const end = now();
  const within = (before) => before > 1200 && before < 1800;
  const noise = (before, seed) => Math.sin(before * 12.9 + seed) * 0.5;
  await write(`${group}.shown`, { host: 'a' }, { length: 7200, value: (before) => (within(before) ? 50 : 10) + noise(before, 1), end });
  await write(`${group}.moved`, { host: 'a' }, { length: 7200, value: (before) => (within(before) ? 9 : 3) + noise(before, 2), end });
  await write(`${group}.calm`, { host: 'a' }, { length: 7200, value: (before) => 5 + noise(before, 3), end });
  await write(`${group}.counter`, { host: 'a' }, { length: 7200, value: (before) => 100_000 - before, end });
  await visit(`/#start=${end - 3600}&end=${end}&m=sum:${group}.shown{host=*}`, async (page) => {
    await charted(page);
    // The span from 30 to 20 minutes before the end.
    await drag(page, 0.5, 2 / 3, 'Alt');
    const [, from, to] = (await eventually(() => hash(page), /x\.mark=\d+,\d+/)).match(/x\.mark=(\d+),(\d+)/);
    assert.ok(Math.abs(Number(from) / 1000 - (end - 1800)) < 20 && Math.abs(Number(to) / 1000 - (end - 1200)) < 20, `${from} to ${to}`);
    assert.match(await hash(page), new RegExp(`start=${end - 3600}&end=${end}`), 'marking is no zoom');
    await eventually(() => page.getByRole('tab', { name: 'What changed' }).getAttribute('aria-selected'), 'true');
    await eventually(() => polite(page), /^4 series of 4 metrics compared/);
    const rows = page.locator('table.changes tbody tr');
    const names = await rows.locator('a').allInnerTexts();
    assert.deepEqual(names.slice(0, 2).sort(), [`${group}.moved{host=a}`, `${group}.shown{host=a}`], names.join());
    const scores = await rows.locator('meter').evaluateAll((all) => all.map(({ value }) => value));
    assert.ok(scores[1] > 0.5 && scores[2] < 0.3, scores.join());
    await axe(page, 'what changed');
    await noSidewaysScrolling(page);
    await page.getByRole('button', { name: `Add ${group}.moved{host=a} to the graph` }).click();
    await eventually(() => hash(page), new RegExp(`m=sum:${group}\\.moved\\{host=a\\}`));
    await eventually(() => polite(page), /2 series drawn/);
  });
  // The address alone shows the same; without a mark, w compares the whole range.
  await visit(`/#start=${end - 1800}&end=${end - 1200}&m=sum:${group}.calm`, async (page) => {
    await charted(page);
    await page.keyboard.press('w');
    await eventually(() => polite(page), /^4 series of 4 metrics compared/);
    await eventually(() => page.locator('table.changes tbody tr').first().innerText(), /moved|shown/);
  });
});

test('from a graph to a rule that watches it: the form has its query, and what is saved is that rule', async () => {
  await visit('/#start=2h-ago&m=max:sys.cpu.user{host=*}', async (page) => {
    await charted(page);
    await page.getByRole('button', { name: /^Share/ }).click();
    await page.getByRole('menuitem', { name: 'Watch it by a rule' }).click();
    await eventually(() => hash(page), /^#\/alerts\?.*edit=\+/);
    const area = page.getByLabel('Text of the rule, in TOML');
    await eventually(() => area.inputValue(), /query = "max:1m-max:sys\.cpu\.user\{host=\*\}"/);
    await page.getByLabel('Name', { exact: true }).fill('from the graph');
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.getByText('1 rule: sys_cpu_user. No fault.').waitFor();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    const mine = async () => (await json('/api/alerts/rules')).rules.filter(({ name }) => name === 'sys_cpu_user');
    await eventually(async () => (await mine()).map(({ query }) => query), ['max:1m-max:sys.cpu.user{host=*}'], 'the rule by the API');
    const [{ version }] = (await json('/api/alerts/rules')).stored.filter(({ name }) => name === 'from the graph');
    await json(`/api/alerts/rules?name=from%20the%20graph&version=${version}`, { method: 'DELETE' });
    await eventually(mine, []);
  });
});
