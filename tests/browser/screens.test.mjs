// Screens: every action of the page, each checked through the API or the requests that it makes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, beforeEach, test } from 'node:test';
import { BASE, axe, close, eventually, json, largeTargets, loaded, noSidewaysScrolling, says, send, shiftsFrom, still, tabThrough, visit } from './helper.mjs';
import { EVIL_TEXT } from './data.mjs';

const PATH = '/api/ui/screens';
/** A browser logs what a server refuses: wanted here, where a test makes it happen. */
const REFUSED = [/the server responded with a status of (400|404|409|503)/];

const list = () => json(PATH);
const read = (id) => json(`${PATH}/${id}`);
const make = async (screen) => (await send(PATH, { folder: 'Tests', panels: [], ...screen })).id;
const line = (title, m, more = {}) => ({ kind: 'line', title, queries: [{ m }], ...more });
const three = () => [line('One', 'avg:sys.cpu.user{host=*}'), line('Two', 'avg:proc.loadavg.1min'), line('Three', 'avg:df.bytes.free{host=*}')];
const titles = (page) => page.locator('.panel-title').allTextContents();
const titlesAre = (page, expected, what) => eventually(() => titles(page), expected, what);
const count = (locator, expected, what) => eventually(() => locator.count(), expected, what);
const drawn = (page, count) => page.waitForFunction((n) => document.querySelectorAll('.panel[data-state=drawn]').length >= n, count);
const openMenu = async (page, title, item) => {
  await page.getByRole('button', { name: `Panel ${title}`, exact: true }).click();
  await page.getByRole('menuitem', { name: new RegExp(`^${item}`) }).click();
};
const treeMenu = async (page, name, item) => {
  await page.locator('.tree-list li', { hasText: name }).first().hover();
  await page.getByRole('button', { name: `Menu of ${name}`, exact: true }).click();
  await page.getByRole('menuitem', { name: item }).click();
};
const toast = (page, text) => page.locator('.toast', { hasText: text }).waitFor();

after(close);
beforeEach(async () => {
  for (const { id } of await list()) await json(`${PATH}/${id}`, { method: 'DELETE' });
});

test('a first screen is made by keyboard, saved, and there after a reload', async () => {
  await visit('/#/screens', async (page) => {
    await page.getByRole('heading', { name: 'No screens yet' }).waitFor();
    await page.locator('.state').getByRole('button', { name: 'New screen' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Add a panel' }).focus();
    await page.keyboard.press('Enter');
    await eventually(() => page.getByRole('combobox', { name: 'Metric of A' }).evaluate((box) => box === document.activeElement), true, 'the cursor is in the box');
    await page.keyboard.type('loadavg 1min');
    await page.getByRole('option', { name: /proc\.loadavg\.1min/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('.query-raw input').value === 'sum:proc.loadavg.1min');
    await page.getByLabel('Tags of A').fill('host=*');
    await page.getByLabel('Title').fill('Load of all');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await drawn(page, 1);
    await page.keyboard.press('Control+s');
    await page.getByRole('dialog').getByLabel('Name').fill('My first');
    await page.getByRole('dialog').getByLabel('Folder').fill('Mine');
    await page.keyboard.press('Enter');
    await toast(page, 'Saved');
    const [{ id, name, folder }] = await list();
    assert.deepEqual([name, folder], ['My first', 'Mine']);
    const { panels } = await read(id);
    assert.deepEqual(panels, [{ kind: 'line', title: 'Load of all', queries: [{ m: 'sum:proc.loadavg.1min{host=*}' }] }]);
    await page.waitForURL(new RegExp(`#/screens/${id}`));
    await page.reload();
    await drawn(page, 1);
    await titlesAre(page, ['Load of all']);
    await eventually(() => page.title(), /My first/);
  });
});

test('the tree renames, moves, clones, deletes and brings back', async () => {
  const id = await make({ name: 'Web', panels: three() });
  await visit('/#/screens', async (page) => {
    await page.getByRole('link', { name: /^Web/ }).first().waitFor();
    await treeMenu(page, 'Web', 'Rename or move …');
    await page.getByRole('dialog').getByLabel('Name').fill('Web servers');
    await page.getByRole('dialog').getByLabel('Folder').fill('Production');
    await page.keyboard.press('Enter');
    await toast(page, 'Renamed');
    assert.deepEqual([(await read(id)).name, (await read(id)).folder, (await read(id)).version], ['Web servers', 'Production', 2]);
    await page.locator('.tree summary', { hasText: 'Production' }).waitFor();
    await treeMenu(page, 'Web servers', 'Clone');
    await page.getByRole('dialog').getByLabel('Name').fill('Staging');
    await page.keyboard.press('Enter');
    await toast(page, 'has all panels');
    const copy = (await list()).find(({ name }) => name === 'Staging');
    assert.deepEqual((await read(copy.id)).panels, (await read(id)).panels);
    await drawn(page, 2);
    await treeMenu(page, 'Staging', 'Delete …');
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await toast(page, 'was deleted');
    assert.equal((await list()).length, 1);
    await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
    await page.waitForURL(new RegExp(copy.id));
    await drawn(page, 2);
    assert.equal((await read(copy.id)).panels.length, 3);
    // The filter of the tree looks at folders and names.
    await page.getByLabel('Find a screen').fill('prod web');
    await count(page.locator('.tree-screen'), 1);
  });
});

test('panels are moved and sized by keys, dragged, doubled, removed; only saving stores it', async () => {
  const id = await make({ name: 'Arrange', columns: 3, panels: three() });
  await visit(`/#/screens/${id}`, async (page) => {
    await drawn(page, 3);
    await page.keyboard.press('e');
    await page.getByRole('button', { name: 'Move panel One' }).focus();
    await page.keyboard.press('ArrowRight');
    await titlesAre(page, ['Two', 'One', 'Three']);
    await eventually(() => page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Move panel One');
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowDown');
    await page.locator('#polite', { hasText: '2 of 3 columns, 4 rows' }).waitFor();
    await loaded(page, 'pages/screens/arrange.js');
    await page.getByRole('button', { name: 'Move panel Three' }).dragTo(page.locator('.panel', { hasText: 'Two' }), { targetPosition: { x: 20, y: 60 } });
    await titlesAre(page, ['Three', 'Two', 'One']);
    assert.deepEqual((await read(id)).panels.map(({ title }) => title), ['One', 'Two', 'Three'], 'not stored yet');
    await openMenu(page, 'Two', 'Duplicate');
    await titlesAre(page, ['Three', 'Two', 'Two', 'One']);
    await openMenu(page, 'Three', 'Remove');
    await titlesAre(page, ['Two', 'Two', 'One']);
    await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
    await titlesAre(page, ['Three', 'Two', 'Two', 'One']);
    await page.getByRole('button', { name: 'Save' }).click();
    await toast(page, 'Saved');
    const { panels } = await read(id);
    assert.deepEqual(panels.map(({ title, width = 1, height = 3 }) => [title, width, height]), [['Three', 1, 3], ['Two', 1, 3], ['Two', 1, 3], ['One', 2, 4]]);
    await page.waitForURL((url) => !url.href.includes('x.edit'));
  });
});

test('a panel is edited: kind, query, thresholds, axes; what is wrong is said at its field', async () => {
  const id = await make({ name: 'Edit', panels: [line('One', 'avg:sys.cpu.user{host=*}')] });
  await visit(`/#/screens/${id}`, { allow: REFUSED }, async (page) => {
    await drawn(page, 1);
    await openMenu(page, 'One', 'Edit …');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Query A as text').fill('avg:sys.cpu.user{host=*');
    await dialog.getByText('is not closed').waitFor();
    await dialog.getByLabel('Query A as text').fill('max:1m-max:proc.loadavg.1min{host=*}');
    await eventually(() => dialog.getByLabel('Metric of A').inputValue(), 'proc.loadavg.1min');
    await eventually(() => dialog.getByLabel('Downsampling of A').inputValue(), '1m-max');
    await dialog.getByLabel('Expression').fill('v * (');
    await dialog.getByText(/Expression: it ends too early/).waitFor();
    await dialog.getByLabel('Expression').fill('v * 10');
    await dialog.getByLabel('Name', { exact: true }).fill('%(tags.host)s');
    await dialog.getByLabel('Shows').selectOption('top');
    await dialog.getByText('More', { exact: true }).click();
    await dialog.getByLabel('Counts').selectOption('max');
    await dialog.getByLabel('Rows').fill('3');
    await dialog.getByLabel('Own range').fill('soon');
    await dialog.getByRole('button', { name: 'Apply' }).click();
    await dialog.getByText('is no length of time').waitFor();
    await dialog.getByLabel('Own range').fill('2h');
    await dialog.getByRole('button', { name: 'Threshold' }).click();
    await dialog.getByRole('group', { name: 'Thresholds' }).getByLabel('From').fill('20');
    await dialog.getByRole('button', { name: 'Apply' }).click();
    await dialog.waitFor({ state: 'detached' });
    await count(page.locator('.grid .top li'), 3);
    await eventually(() => page.locator('.grid .top li').first().textContent(), /^db1.*warning/);
    await page.keyboard.press('Control+s');
    await toast(page, 'Saved');
    assert.deepEqual((await read(id)).panels, [{ title: 'One', kind: 'top', queries: [{ m: 'max:1m-max:proc.loadavg.1min{host=*}', alias: '%(tags.host)s', expression: 'v * 10' }], thresholds: [{ level: 'warn', from: 20, to: null, label: '' }], span: '2h', limit: 3, by: 'max' }]);
  });
});

test('settings and the change of all panels', async () => {
  const id = await make({ name: 'Settings', panels: three() });
  await visit(`/#/screens/${id}?x.edit`, async (page) => {
    await page.getByRole('button', { name: 'Settings', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Columns').selectOption('4');
    await dialog.getByLabel('Begins with').fill('3h-ago');
    await dialog.getByLabel('Reloads').selectOption('60');
    await dialog.getByRole('button', { name: 'Variable' }).click();
    await dialog.getByLabel('Tag').fill('host');
    await dialog.getByLabel('Value', { exact: true }).fill('web01');
    await dialog.getByRole('button', { name: 'Apply' }).click();
    await page.getByLabel('host', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'All panels' }).click();
    await dialog.getByLabel('Three').uncheck();
    await dialog.getByLabel('Show', { exact: true }).selectOption('area');
    await dialog.getByLabel('Width').selectOption('2');
    await dialog.getByLabel('Sum', { exact: true }).selectOption('with');
    await dialog.getByLabel('In queries and titles replace').fill('avg:');
    await dialog.getByLabel('by', { exact: true }).fill('max:');
    await dialog.getByRole('button', { name: 'Apply' }).click();
    await toast(page, '2 panels changed');
    await page.keyboard.press('Control+s');
    await toast(page, 'Saved');
    const stored = await read(id);
    assert.deepEqual([stored.columns, stored.range, stored.refresh, stored.variables], [4, { start: '3h-ago' }, 60, [{ tag: 'host', value: 'web01' }]]);
    assert.deepEqual(stored.panels.map(({ kind, width = 1, sum, queries: [{ m }] }) => [kind, width, sum, m.slice(0, 4)]), [['area', 2, 'with', 'max:'], ['area', 2, 'with', 'max:'], ['line', 1, undefined, 'avg:']]);
    // A link without a range shows the screen's own.
    await page.goto('about:blank');
    await page.goto(`/#/screens/${id}`);
    await page.waitForURL(/start=3h-ago.*autoreload=60|autoreload=60.*start=3h-ago/);
  });
});

test('who saves over somebody else is asked first', async () => {
  const id = await make({ name: 'Shared', panels: three() });
  const theirs = async (name) => { const now = await read(id); return send(`${PATH}/${id}`, { ...now, name }, 'PUT'); };
  const change = async (page) => {
    await page.keyboard.press('e');
    await openMenu(page, 'One', 'Higher');
    await page.getByText('changes are not saved').waitFor();
  };
  await visit(`/#/screens/${id}`, { allow: REFUSED }, async (page) => {
    await drawn(page, 2);
    await change(page);
    await theirs('Theirs');
    await page.keyboard.press('Control+s');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('“Theirs” with 3 panels').waitFor();
    await dialog.getByRole('button', { name: 'Go on editing' }).click();
    assert.equal((await read(id)).name, 'Theirs', 'nothing was overwritten');
    // Until the answer is dealt with it is still being saved.
    await eventually(() => page.getByRole('button', { name: 'Save', exact: true }).isEnabled(), true);
    await page.keyboard.press('Control+s');
    await dialog.getByRole('button', { name: 'Save mine over theirs' }).click();
    await toast(page, 'Saved');
    assert.deepEqual([(await read(id)).name, (await read(id)).panels[0].height, (await read(id)).version], ['Shared', 4, 3]);
    await page.keyboard.press('e');
    await openMenu(page, 'One', 'Lower');
    await theirs('Again theirs');
    await page.keyboard.press('Control+s');
    await dialog.getByRole('button', { name: 'Take theirs' }).click();
    await page.getByRole('heading', { name: 'Again theirs' }).waitFor();
    assert.equal((await read(id)).version, 4);
    await change(page);
    await theirs('Third');
    await page.keyboard.press('Control+s');
    await dialog.getByRole('button', { name: 'Save mine as a copy' }).click();
    await page.getByRole('heading', { name: /\(mine\)/ }).waitFor();
    assert.equal((await list()).length, 2);
  });
});

test('a new name takes nothing away that others saved, neither under a draft nor without one', async () => {
  const id = await make({ name: 'Named', panels: three() });
  const theirs = async (title) => { const now = await read(id); now.panels[2].title = title; return send(`${PATH}/${id}`, now, 'PUT'); };
  const rename = async (page, from, to) => {
    await treeMenu(page, from, 'Rename or move …');
    await page.getByRole('dialog').getByLabel('Name').fill(to);
    await page.keyboard.press('Enter');
    await toast(page, `Renamed to ${to}`);
  };
  await visit(`/#/screens/${id}`, { allow: REFUSED }, async (page) => {
    await drawn(page, 2);
    await page.keyboard.press('e');
    await openMenu(page, 'One', 'Higher');
    await theirs('Theirs');
    await rename(page, 'Named', 'Newly named');
    await page.keyboard.press('Control+s');
    const dialog = page.getByRole('dialog', { name: 'Somebody else changed this screen' });
    await dialog.waitFor();
    assert.equal((await read(id)).panels[2].title, 'Theirs', 'nothing was overwritten');
    await dialog.getByRole('button', { name: 'Take theirs' }).click();
    await titlesAre(page, ['One', 'Two', 'Theirs']);
    // Without a draft the name brings along what others did.
    await theirs('Theirs again');
    await rename(page, 'Newly named', 'Named');
    await titlesAre(page, ['One', 'Two', 'Theirs again']);
  });
});

test('a screen that others change or delete while it is open', async () => {
  const id = await make({ name: 'Open', panels: three() });
  await visit(`/#/screens/${id}`, { allow: REFUSED }, async (page) => {
    await drawn(page, 2);
    const now = await read(id);
    now.panels[1].title = 'Second';
    await send(`${PATH}/${id}`, { ...now, name: 'Opened' }, 'PUT');
    await page.keyboard.press('r');
    await titlesAre(page, ['One', 'Second', 'Three']);
    await page.getByRole('heading', { name: 'Opened' }).waitFor();
    await page.locator('.tree-screen', { hasText: 'Opened' }).waitFor();
    await drawn(page, 2);
    await json(`${PATH}/${id}`, { method: 'DELETE' });
    await page.keyboard.press('r');
    await page.getByText('This screen was deleted meanwhile.').waitFor();
    await page.locator('.tree-screen', { hasText: 'Opened' }).waitFor({ state: 'detached' });
    await axe(page);
    // It is not lost while it is shown.
    await page.getByRole('button', { name: 'Save it as …' }).click();
    await page.getByRole('dialog').getByLabel('Name').fill('Saved from the page');
    await page.keyboard.press('Enter');
    await eventually(async () => (await list()).map(({ name, panels }) => [name, panels]), [['Saved from the page', 3]]);
  });
});

test('unsaved changes are kept, offered again, and given up only on purpose', async () => {
  const [id, other] = [await make({ name: 'Draft', panels: three() }), await make({ name: 'Other' })];
  await visit(`/#/screens/${id}`, async (page) => {
    await drawn(page, 2);
    await page.keyboard.press('e');
    await openMenu(page, 'Two', 'Remove');
    await page.getByRole('link', { name: /^Other/ }).first().click();
    await toast(page, 'kept as a draft');
    await page.waitForURL(new RegExp(other));
    await page.locator('.tree-dirty').waitFor();
    assert.equal(await page.evaluate(() => { const event = new Event('beforeunload', { cancelable: true }); dispatchEvent(event); return event.defaultPrevented; }), true);
    await page.getByRole('link', { name: /^Draft/ }).first().click();
    await page.locator('.screen-banner').getByText('were not saved').waitFor();
    await titlesAre(page, ['One', 'Two', 'Three'], 'the stored screen is shown');
    await drawn(page, 2);
    // The offer stays while numbers are loaded again.
    await says(page, () => page.keyboard.press('r'), /panels drawn/);
    await page.getByRole('button', { name: 'Go on with them' }).click();
    await titlesAre(page, ['One', 'Three']);
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
    await titlesAre(page, ['One', 'Two', 'Three']);
    await eventually(() => page.evaluate(() => { const event = new Event('beforeunload', { cancelable: true }); dispatchEvent(event); return event.defaultPrevented; }), false);
    assert.equal((await read(id)).version, 1);
  });
});

test('variables filter all panels and are in the address', async () => {
  const id = await make({ name: 'Vars', variables: [{ tag: 'host', value: '' }], panels: [line('CPU of $host', 'avg:sys.cpu.user{host=*}'), line('Load', 'avg:proc.loadavg.1min')] });
  await visit(`/#/screens/${id}`, async (page, { requests }) => {
    await drawn(page, 2);
    await titlesAre(page, ['CPU of all', 'Load']);
    await still(page);
    const before = requests.length;
    await page.getByLabel('host', { exact: true }).fill('web');
    await page.getByRole('option', { name: /web02/ }).click();
    await page.waitForURL(/v\.host=web02/);
    await titlesAre(page, ['CPU of web02', 'Load']);
    const asked = () => requests.slice(before).map(({ path }) => decodeURIComponent(path)).filter((path) => path.startsWith('/api/query')).map((path) => /m=([^&]*)/.exec(path)[1].replace(/:\d+[smh]-avg/, '')).sort();
    const wanted = ['avg:proc.loadavg.1min{}{host=web02}', 'avg:sys.cpu.user{host=web02}'];
    await eventually(asked, wanted);
    await still(page);
    assert.deepEqual(asked(), wanted, 'each once');
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByLabel('Tag', { exact: true }).fill('type');
    await page.getByLabel('Value', { exact: true }).fill('user');
    await page.getByRole('dialog').getByRole('button', { name: 'Filter' }).click();
    await page.waitForURL(/v\.type=user/);
    await page.getByRole('button', { name: 'All type' }).click();
    await page.goBack();
    await page.waitForURL(/v\.type=user/);
    await page.reload();
    await page.getByLabel('type', { exact: true }).waitFor();
    await eventually(() => page.getByLabel('host', { exact: true }).inputValue(), 'web02');
  });
});

test('export, import, and a page of Metrilyx', async () => {
  const [one, ...others] = three();
  const twoPanes = { ...one, sum: 'with', lower: { unit: 'B' }, queries: [...one.queries, { m: 'avg:df.bytes.free', pane: 'lower' }] };
  const id = await make({ name: 'Out', note: 'n', columns: 2, variables: [{ tag: 'host', value: 'web01' }], panels: [twoPanes, ...others, { kind: 'text', text: EVIL_TEXT }] });
  await visit(`/#/screens/${id}`, { allow: REFUSED }, async (page) => {
    await drawn(page, 2);
    const waiting = page.waitForEvent('download');
    await treeMenu(page, 'Out', 'Export');
    const download = await waiting;
    assert.equal(download.suggestedFilename(), 'Out.json');
    const text = await readFile(await download.path(), 'utf8');
    const bring = async (content) => {
      await page.locator('.tree').getByRole('button', { name: 'More' }).click();
      await page.getByRole('menuitem', { name: 'Import …' }).click();
      await page.getByLabel('JSON of a screen').fill(content);
      await page.getByRole('dialog').getByRole('button', { name: 'Import' }).click();
    };
    await bring('{"a":1}');
    await page.getByText('neither panels').waitFor();
    await page.keyboard.press('Escape');
    // What is broken is told by name; what was imported before it is not imported twice.
    await bring('{"name":"x","panels":[{"kind":"line","queries":"sum:x"}]}');
    await page.getByText('"queries" of a panel is not a list').waitFor();
    await page.keyboard.press('Escape');
    const two = (columns) => JSON.stringify([{ name: 'First of two', panels: [] }, { name: 'Second of two', columns, panels: [] }]);
    await bring(two(99));
    await page.getByText(/1 of 2 are imported\. Second of two: /).waitFor();
    await page.keyboard.press('Escape');
    assert.deepEqual((await list()).map(({ name }) => name).sort(), ['First of two', 'Out']);
    await json(`${PATH}/${(await list()).find(({ name }) => name === 'First of two').id}`, { method: 'DELETE' });
    await bring(text);
    await toast(page, 'Out was imported');
    const [first, second] = await Promise.all((await list()).map(({ id: one }) => read(one)));
    for (const one of [first, second]) for (const name of ['id', 'version', 'updated']) delete one[name];
    assert.deepEqual(first, second);
    assert.deepEqual(first.panels[0], twoPanes);
    const both = page.waitForEvent('download');
    await page.locator('.tree').getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Export all' }).click();
    const all = JSON.parse(await readFile(await (await both).path(), 'utf8'));
    assert.deepEqual(all.map(({ name, panels }) => [name, panels.length]), [['Out', 4], ['Out', 4]]);
    await bring(JSON.stringify({ _id: 'o', name: 'Overview', layout: [[[{ graphs: [{ name: 'Load', graphType: 'pie', series: [{ alias: 'a', query: { aggregator: 'avg', metric: 'proc.loadavg.1min', rate: false, tags: { host: '*' } } }] }] }]]] }));
    await toast(page, 'Overview was imported');
    await page.locator('.pie-list li').first().waitFor();
    const [panel] = (await read((await list()).find(({ name }) => name === 'Overview').id)).panels;
    assert.deepEqual([panel.kind, panel.queries], ['pie', [{ m: 'avg:proc.loadavg.1min{host=*}', alias: 'a' }]]);
  });
});

test('a temporary screen lives in its link and can be saved', async () => {
  await visit('/#/screens/ad-hoc?m=avg:proc.loadavg.1min&m=avg:sys.cpu.user{host=*}&x.columns=1', async (page) => {
    await drawn(page, 2);
    await titlesAre(page, ['proc.loadavg.1min', 'sys.cpu.user']);
    assert.equal((await list()).length, 0);
    await page.keyboard.press('e');
    await openMenu(page, 'sys.cpu.user', 'Remove');
    await page.getByRole('button', { name: 'Done' }).click();
    await page.waitForURL(/x\.screen=/);
    await page.reload();
    await drawn(page, 1);
    await titlesAre(page, ['proc.loadavg.1min']);
    await page.locator('.screen-tools').getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Save as …' }).click();
    await page.getByRole('dialog').getByLabel('Name').fill('Kept');
    await page.keyboard.press('Enter');
    await toast(page, 'Saved');
    assert.deepEqual((await list()).map(({ name, panels }) => [name, panels]), [['Kept', 1]]);
  });
});

const KINDS = () => [
  line('Lines', 'avg:sys.cpu.user{host=*}', { thresholds: [{ level: 'warn', from: 20 }], left: { unit: '%' } }),
  line('Area', 'avg:sys.cpu.user{host=*}', { kind: 'area', compare: '1h' }), line('Stacked', 'sum:sys.cpu{type=*}', { kind: 'stacked' }), line('Points', 'avg:odd.markup{host=*}', { kind: 'points' }),
  line('Heat', 'avg:sys.cpu{host=*,type=*}', { kind: 'heat' }), line('Top', 'avg:odd.markup{host=*}', { kind: 'top', by: 'avg' }), line('Pie', 'avg:odd.markup{host=*}', { kind: 'pie' }),
  line('Number', 'avg:proc.loadavg.1min{host=*}', { kind: 'value', thresholds: [{ level: 'bad', from: 0, label: EVIL_TEXT.slice(0, 90) }] }), line('Table', 'avg:df.bytes.free{host=*,mount=*}', { kind: 'table' }),
  { kind: 'text', title: 'Text', text: `# Head\n- point\nhttps://example.com/x ${EVIL_TEXT}\njavascript:alert(1)` },
  { kind: 'line', title: 'Two axes', queries: [{ m: 'avg:sys.cpu.user', expression: 'v / 100' }, { m: 'avg:proc.loadavg.1min', axis: 'right' }, { m: 'avg:proc.loadavg.5min', expression: 'B - v', axis: 'right' }] },
];

for (const dark of [false, true]) {
  test(`all kinds of panels, ${dark ? 'dark' : 'light'}: drawn, named, free of faults`, async () => {
    const id = await make({ name: EVIL_TEXT, folder: EVIL_TEXT.slice(0, 100), columns: 2, panels: KINDS() });
    await visit(`/#/screens/${id}`, { dark, height: 3200 }, async (page) => {
      await drawn(page, 11);
      await count(page.locator('.note a'), 1);
      await eventually(() => page.locator('.note').textContent(), /<img/);
      await eventually(() => page.locator('.top-name').allTextContents(), (names) => names.some((name) => name.includes('<img')));
      await page.getByRole('button', { name: 'Average' }).click();
      await eventually(() => page.locator('th[aria-sort=descending]').textContent(), 'Average');
      await axe(page, 'a screen');
      await largeTargets(page);
      await page.keyboard.press('e');
      await page.getByRole('button', { name: 'Save' }).waitFor();
      await axe(page, 'editing');
      await openMenu(page, 'Lines', 'Edit …');
      await page.getByRole('dialog').getByText('More', { exact: true }).click();
      await axe(page, 'the editor of a panel');
      await largeTargets(page);
    });
  });
}

test('an empty panel says why', async () => {
  const id = await make({ name: 'Why', columns: 1, variables: [{ tag: 'host', value: '' }], panels: [
    line('No metric', 'avg:no.such.metric'), line('Old', 'avg:car.data{car=*}'), { kind: 'line', title: 'None', queries: [] }, { kind: 'line', title: 'Hidden', queries: [{ m: 'avg:sys.cpu.user', hidden: true }] },
    { kind: 'line', title: 'Gap', queries: [{ m: 'avg:sys.cpu.user', expression: 'v / 0' }] }, line('Filtered', 'avg:sys.cpu.user{host=web99x}'),
  ] });
  await visit(`/#/screens/${id}`, { allow: REFUSED, height: 2400 }, async (page) => {
    const says = (title, words) => page.locator('.panel', { has: page.getByRole('heading', { name: title, exact: true }) }).getByText(words).waitFor();
    await says('No metric', /No such name for 'metrics': 'no\.such\.metric'/);
    await says('Old', /the newest is .* ago/);
    await says('None', /no query yet/);
    await says('Hidden', /are hidden/);
    await says('Gap', /expression gives no number/);
    await page.locator('.panel', { hasText: 'Old' }).getByRole('button', { name: 'Go there' }).click();
    await page.waitForURL(/start=2019/);
    await page.waitForFunction(() => [...document.querySelectorAll('.panel')].find((one) => one.textContent.includes('Old'))?.dataset.state === 'drawn');
  });
});

test('panels load when they come into view, few at a time; equal queries once', async () => {
  const panels = Array.from({ length: 30 }, (_, n) => line(`P${n}`, n < 4 ? 'avg:sys.cpu.user' : `avg:df.bytes.free{host=web0${(n % 3) + 1},mount=*}`));
  const id = await make({ name: 'Many', columns: 2, panels });
  let [running, most] = [0, 0];
  const before = async (page) => {
    await page.route('**/api/query?**', async (route) => {
      most = Math.max(most, ++running);
      await new Promise((done) => setTimeout(done, 60));
      running -= 1;
      await route.continue();
    });
  };
  await visit(`/#/screens/${id}`, { before }, async (page, { requests }) => {
    const asked = () => requests.filter(({ path }) => path.startsWith('/api/query')).length;
    await drawn(page, 4);
    await still(page);
    assert.ok(asked() <= 6, `${asked()} requests for what is in view`);
    await page.locator('.panel').last().scrollIntoViewIfNeeded();
    await page.waitForFunction(() => document.querySelector('.panel:last-child').dataset.state === 'drawn');
    assert.ok(most <= 4, `${most} at a time`);
  });
});

test('one range for all: a drag zooms every panel, back returns; alone, legends, wall, embedding', async () => {
  const id = await make({ name: 'Range', columns: 2, panels: three() });
  await visit(`/#/screens/${id}?start=1h-ago`, async (page) => {
    await drawn(page, 3);
    const box = await page.locator('.panel .u-over').first().boundingBox();
    await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2, { steps: 5 });
    // The crosshair is in every panel.
    await page.waitForFunction(() => [...document.querySelectorAll('.u-cursor-x')].filter((one) => !one.classList.contains('u-off') && !one.style.transform.includes('-10px')).length >= 3);
    await page.mouse.up();
    await page.waitForURL(/start=\d{4}/);
    await page.goBack();
    await page.waitForURL(/start=1h-ago/);
    await page.keyboard.press('l');
    await page.waitForURL(/x\.legend=0/);
    await count(page.locator('.legend:visible'), 0);
    await page.keyboard.press('l');
    await page.waitForURL((url) => !url.href.includes('x.legend'));
    await openMenu(page, 'Two', 'Alone, large');
    await page.waitForURL(/x\.panel=1/);
    await titlesAre(page, ['Two']);
    await page.keyboard.press('Escape');
    await titlesAre(page, ['One', 'Two', 'Three']);
    await page.getByRole('button', { name: 'Whole window (w)' }).click();
    await page.waitForURL(/x\.wall/);
    await page.locator('#bar').waitFor({ state: 'hidden' });
    await page.goto('about:blank');
    await page.goto(`/#/screens/${id}?start=1h-ago&x.wall`);
    await drawn(page, 3);
    await page.keyboard.press('Escape');
    await page.locator('#bar').waitFor({ state: 'visible' });
    await page.getByRole('button', { name: 'Link and embedding' }).click();
    const embed = await page.getByLabel('Embed', { exact: true }).inputValue();
    assert.match(await page.getByLabel('HTML').inputValue(), /^<iframe src="/);
    await page.goto('about:blank');
    await page.goto(embed);
    await drawn(page, 3);
    await count(page.locator('.tree:visible, #bar:visible, .screen-tools:visible'), 0);
  });
});

test('a reload moves nothing, and an event tells what it was', async () => {
  const id = await make({ name: 'Still', columns: 2, panels: KINDS() });
  await visit(`/#/screens/${id}`, { height: 3200 }, async (page) => {
    await drawn(page, 11);
    const moved = await shiftsFrom(page);
    for (let n = 0; n < 3; n += 1) {
      await says(page, () => page.keyboard.press('r'), /panels drawn in/);
      await still(page);
    }
    const { shift, shifts } = await moved();
    assert.ok(shift < 0.001, `moved by ${shift}:\n${shifts.join('\n')}`);
  });
  await visit(`/#/screens/${id}?x.panel=0`, async (page) => {
    await drawn(page, 1);
    // The mark of the deployment of twenty minutes ago.
    const box = await page.locator('.u-over').boundingBox();
    const place = await page.evaluate(() => {
      const [from, to] = [Date.now() - 3600e3, Date.now()];
      return fetch('/api/query?start=1h-ago&m=avg:sys.cpu.user%7Bhost=*%7D&arrays').then((r) => r.json()).then((all) => {
        const { startTime } = all.flatMap((one) => one.annotations ?? []).find(({ description }) => description === 'deploy 4711');
        return (startTime * 1000 - from) / (to - from);
      });
    });
    await page.mouse.click(box.x + box.width * place, box.y + 30);
    await page.getByRole('dialog').getByText('deploy 4711').waitFor();
    await page.getByRole('dialog').getByText('by the release train').waitFor();
  });
});

test('the Graph page puts what it shows on a screen', async () => {
  const id = await make({ name: 'Target', panels: three() });
  await visit('/#start=1h-ago&m=avg:sys.cpu.user{host=*}&o=&m=avg:proc.loadavg.1min&o=axis x1y2&yrange=[0:]&ylabel=percent&x.type=area', async (page) => {
    const putIt = async () => {
      await page.getByRole('button', { name: 'Share' }).click();
      await page.getByRole('menuitem', { name: 'Put on a screen …' }).click();
      return page.getByRole('dialog');
    };
    let dialog = await putIt();
    await dialog.getByLabel('Title').fill('From the graph');
    await dialog.getByRole('button', { name: 'Put' }).click();
    await toast(page, 'It is on Target now');
    const { panels, version } = await read(id);
    assert.deepEqual([panels.length, version], [4, 2]);
    assert.deepEqual(panels[3], { title: 'From the graph', kind: 'area', queries: [{ m: 'avg:sys.cpu.user{host=*}' }, { m: 'avg:proc.loadavg.1min', axis: 'right' }], left: { label: 'percent', min: 0 } });
    dialog = await putIt();
    await dialog.getByLabel('Screen', { exact: true }).selectOption({ label: 'A new screen' });
    await dialog.getByLabel('Name of the new screen').fill('From a graph');
    await page.keyboard.press('Enter');
    // Not that of the panel before, which is there still.
    await page.locator('.toast', { hasText: 'It is on From a graph now' }).getByRole('button', { name: 'Open' }).click();
    await drawn(page, 1);
    assert.equal((await list()).length, 2);
  });
});

test('a panel of very many series asks first', async () => {
  const id = await make({ name: 'Large', panels: three().slice(0, 1) });
  const before = (page) => page.route('**/api/ui/estimate', (route) => route.fulfill({ contentType: 'application/json', body: '{"series":5000,"points":9,"limited":false}' }));
  await visit(`/#/screens/${id}`, { before }, async (page, { requests }) => {
    await page.getByText('up to 5\u202f000 series').waitFor();
    assert.equal(requests.filter(({ path }) => path.startsWith('/api/query')).length, 0);
    await page.getByRole('button', { name: 'Read them all' }).click();
    await drawn(page, 1);
    await says(page, () => page.keyboard.press('r'), /panel drawn/);
    assert.equal(await page.getByText('up to 5').count(), 0, 'asked once');
  });
});

test('legend: a click shows one alone, Ctrl and a click hides one', async () => {
  const id = await make({ name: 'Legend', panels: three().slice(0, 1) });
  await visit(`/#/screens/${id}`, async (page) => {
    await drawn(page, 1);
    const pressed = () => page.locator('.legend button').evaluateAll((all) => all.map((one) => one.getAttribute('aria-pressed')).join());
    await page.locator('.legend button').nth(1).click();
    await eventually(pressed, 'false,true,false,false');
    await page.locator('.legend button').nth(1).click();
    await eventually(pressed, 'true,true,true,true');
    await page.locator('.legend button').nth(2).click({ modifiers: ['Control'] });
    await eventually(pressed, 'true,true,false,true');
  });
});

test('a failed reload keeps the old picture and says so', async () => {
  const id = await make({ name: 'Fails', panels: three().slice(0, 1) });
  await visit(`/#/screens/${id}`, { allow: REFUSED }, async (page) => {
    await drawn(page, 1);
    await page.route('**/api/query?**', (route) => route.fulfill({ status: 503, contentType: 'application/json', body: '{"error":{"code":503,"message":"Too many queries"}}' }));
    await page.keyboard.press('r');
    await page.getByText('Too many queries').waitFor();
    await count(page.locator('.panel .u-over'), 1, 'the old picture stays');
    await page.unroute('**/api/query?**');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('Too many queries').waitFor({ state: 'detached' });
    await drawn(page, 1);
  });
});

test('without the table the command is named; a screen that is gone is told', async () => {
  const body = '{"error":{"code":503,"message":"HBase has no table tsdb-worker: make it with `tsdb create-tables`"}}';
  const before = (page) => page.route('**/api/ui/screens', (route) => route.fulfill({ status: 503, contentType: 'application/json', body }));
  await visit('/#/screens', { allow: REFUSED, before }, async (page) => {
    await page.locator('.state').getByText('tsdb create-tables').waitFor();
    await page.locator('.state').getByRole('button', { name: 'Temporary screen' }).click();
    await page.getByRole('button', { name: 'Add a panel' }).waitFor();
  });
  // One that somebody else deleted meanwhile leaves the tree when it is opened.
  const id = await make({ name: 'Short-lived' });
  await visit('/#/screens', { allow: REFUSED }, async (page) => {
    const link = page.locator('.tree-screen', { hasText: 'Short-lived' });
    await link.waitFor();
    await json(`${PATH}/${id}`, { method: 'DELETE' });
    await link.click();
    await page.getByRole('heading', { name: 'This screen is not here' }).waitFor();
    await link.waitFor({ state: 'detached' });
  });
});

test('no screens: an example of metrics that are there; the list of screens', async () => {
  for (const dark of [false, true]) {
    await visit('/#/screens', { dark }, async (page) => {
      await page.getByRole('heading', { name: 'No screens yet' }).waitFor();
      await axe(page, 'no screens');
      await largeTargets(page);
    });
  }
  await visit('/#/screens', async (page) => {
    await page.getByRole('button', { name: 'Begin with an example' }).click();
    await drawn(page, 4);
    await page.keyboard.press('Control+s');
    await toast(page, 'Saved');
    const [{ id, panels }] = await list();
    assert.ok(panels >= 4);
    assert.ok((await read(id)).panels.every(({ queries }) => queries.length === 1));
    await page.goto('/#/screens');
    await page.locator('table').getByRole('link', { name: 'First screen' }).waitFor();
    await axe(page, 'the list of screens');
    await page.locator('table').getByRole('link', { name: 'First screen' }).click();
    await drawn(page, 4);
  });
});

test('a read-only TSD offers nothing that writes', async () => {
  const id = await make({ name: 'Reading', panels: three().slice(0, 1) });
  const before = (page) => page.route(`${BASE}/`, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replace('data-mode="rw"', 'data-mode="ro"') });
  });
  await visit(`/#/screens/${id}`, { before }, async (page) => {
    await drawn(page, 1);
    assert.equal(await page.getByRole('button', { name: /^(Edit|New screen)$/ }).count(), 0);
    await page.keyboard.press('e');
    await page.getByRole('button', { name: 'Panel One' }).click();
    await eventually(() => page.getByRole('menuitem').allTextContents(), ['Alone, large', 'Open in Graph', 'Reload', 'Copy queries']);
  });
});

test('narrow windows, and every stop of the Tab key shows itself', async () => {
  const id = await make({ name: 'Narrow', columns: 4, variables: [{ tag: 'host', value: '' }], panels: KINDS() });
  await visit(`/#/screens/${id}`, { width: 320, height: 800 }, async (page) => {
    await drawn(page, 2);
    await noSidewaysScrolling(page);
    await page.getByRole('button', { name: 'Screens', exact: true }).click();
    await page.getByLabel('Find a screen').waitFor();
    await noSidewaysScrolling(page);
  });
  await visit(`/#/screens/${id}?x.edit`, async (page) => {
    await drawn(page, 4);
    const stops = await tabThrough(page);
    assert.ok(stops.some((stop) => stop.includes('Move panel Lines')), stops.join('\n'));
  });
});

test('a pie is made in the editor, stored, and there after a reload', async () => {
  const id = await make({ name: 'Shares', panels: three().slice(2) });
  await visit(`/#/screens/${id}`, async (page) => {
    await drawn(page, 1);
    await openMenu(page, 'Three', 'Edit …');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Shows').selectOption('pie');
    await dialog.getByText('More', { exact: true }).click();
    await dialog.getByLabel('Counts').selectOption('avg');
    await dialog.locator('.pie-list li').nth(3).waitFor();
    await dialog.getByRole('button', { name: 'Apply' }).click();
    await page.keyboard.press('Control+s');
    await toast(page, 'Saved');
    assert.deepEqual((await read(id)).panels, [{ kind: 'pie', title: 'Three', queries: [{ m: 'avg:df.bytes.free{host=*}' }], by: 'avg' }]);
    await page.reload();
    await page.locator('.pie-list li').nth(3).waitFor();
    await eventually(() => page.locator('.pie-share').allTextContents(), (shares) => Math.abs(shares.reduce((sum, text) => sum + Number.parseFloat(text), 0) - 100) < 0.3, 'shares of the whole');
  });
});

test('metrics are found beside an edited screen: a click makes a panel, a drag a query', async () => {
  const id = await make({ name: 'Fill', panels: [line('One', 'avg:sys.cpu.user{host=*}')] });
  await visit(`/#/screens/${id}?x.edit`, async (page) => {
    await drawn(page, 1);
    const box = page.getByRole('region', { name: 'Metrics to add' });
    await box.getByLabel('Find a metric to add').fill('loadavg 5min');
    await page.waitForFunction(() => document.querySelectorAll('.metric-item').length === 1);
    const item = box.getByRole('button', { name: 'proc.loadavg.5min' });
    await item.dragTo(page.locator('.panel', { hasText: 'One' }), { targetPosition: { x: 80, y: 80 } });
    await page.locator('#polite', { hasText: 'proc.loadavg.5min is a query of the panel now.' }).waitFor();
    // By keyboard: down into the list, Enter makes a panel.
    await box.getByLabel('Find a metric to add').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('#polite', { hasText: 'proc.loadavg.5min is panel 2 now.' }).waitFor();
    await drawn(page, 2);
    await axe(page, 'metrics beside an edited screen');
    await largeTargets(page);
    await page.keyboard.press('Control+s');
    await toast(page, 'Saved');
    await box.waitFor({ state: 'detached' });
    assert.deepEqual((await read(id)).panels, [
      { kind: 'line', title: 'One', queries: [{ m: 'avg:sys.cpu.user{host=*}' }, { m: 'avg:proc.loadavg.5min' }] },
      { kind: 'line', queries: [{ m: 'sum:proc.loadavg.5min' }] },
    ]);
  });
});
