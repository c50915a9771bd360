// Anomalies and Alerts over a server with a worker: what is listed, and that each act has its effect.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, close, eventually, json, largeTargets, noSidewaysScrolling, send, still, visit } from './helper.mjs';

after(close);
let feeding;
after(() => clearInterval(feeding));

const MARKUP = '<b>bold</b>';
const HOSTS = ['web01', 'web02', 'busy', MARKUP];
/** How far each host lies above the first. The busy ones have nearly one shape: farther apart, their words differ at some times of day. */
const ABOVE = [0, 1, 2, 2.001];
/** Of a host that is busy or not, at a time in seconds. */
const point = (host, time, busy) => {
  const wave = 20 + ABOVE[HOSTS.indexOf(host)] + 3 * Math.sin(time / 900) + ((time * 7919) % 100) / 50;
  return { metric: 'worker.cpu', timestamp: time, value: busy && host.match(/busy|bold/) ? 97 : wave, tags: { host } };
};

/** A day of quiet hosts, one of which has been busy for ten minutes. */
before(async () => {
  // What a run that failed has left.
  for (const { id } of await json('/api/similar/collections')) await json(`/api/similar/collections/${id}`, { method: 'DELETE' });
  const now = Math.floor(Date.now() / 1000);
  const points = [];
  for (const host of HOSTS) for (let time = now - 86_400; time <= now; time += 60) points.push(point(host, time, time > now - 600));
  for (let at = 0; at < points.length; at += 2000) await send('/api/put', points.slice(at, at + 2000));
  await until('two alerts of the rule', async () => (await json('/api/alerts?rule=cpu_busy')).alerts.length === 2);
  await until('two anomalies of four series', async () => { const { anomalies, lookedAt } = await json('/api/anomalies'); return anomalies.length === 2 && lookedAt === 4; });
  // However long these tests take, the series are alive.
  feeding = setInterval(() => send('/api/put', HOSTS.map((host) => point(host, Math.floor(Date.now() / 1000), true))).catch(() => {}), 30_000);
});

/** What workers do takes rounds. */
const until = (what, holds) => eventually(holds, true, what, 120_000);

const alertOf = async (host) => (await json('/api/alerts?all=true&rule=cpu_busy')).alerts.find((alert) => alert.tags.host === host);
/** Fills the dialog of an act and sends it. */
async function act(page, button, message) {
  await page.getByRole('button', { name: button, exact: true }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Your name').fill('nora');
  await dialog.getByLabel('Message').fill(message);
  await dialog.getByRole('button', { name: button, exact: true }).click();
  await dialog.waitFor({ state: 'hidden' });
}

test('Anomalies lists the strange series, draws hour and day, and says who voted', async () => {
  for (const dark of [false, true]) {
    await visit('/#/anomalies', { dark }, async (page) => {
      const rows = page.getByRole('option');
      await rows.nth(1).waitFor();
      await eventually(() => rows.count(), 2);
      await page.getByText(/2 series are anomalous of 4 checked/).waitFor();
      await page.locator('.anomaly-hour canvas').first().waitFor();
      await page.locator('.anomaly-day canvas').first().waitFor();
      await eventually(() => page.getByText('voted').count(), (count) => count >= 6, 'votes');
      await axe(page);
      await largeTargets(page);
    });
  }
});

test('keys and the address choose a series; markup in a tag is text', async () => {
  await visit('/#/anomalies', async (page) => {
    await page.getByRole('option').nth(1).waitFor();
    await page.getByRole('listbox').focus();
    await page.keyboard.press('End');
    await eventually(() => page.getByRole('option').nth(1).getAttribute('aria-selected'), 'true');
    await page.waitForURL(/sel=[0-9A-F]+/);
    const name = await page.locator('.anomaly-detail h2').innerText();
    await page.reload();
    await page.getByRole('option').nth(1).waitFor();
    await eventually(() => page.locator('.anomaly-detail h2').innerText(), name);
    await eventually(() => page.getByRole('option').allInnerTexts(), (names) => names.some((text) => text.includes(MARKUP)), 'markup as text');
    await page.getByRole('searchbox', { name: 'Filter the list' }).fill('busy');
    await page.waitForFunction(() => document.querySelectorAll('[role=option]').length === 1);
  });
});

test('an alert is acknowledged, noted and closed, and the table says so', async () => {
  const { id } = await alertOf('busy');
  await visit('/#/alerts?q=cpu_busy', async (page) => {
    await page.getByRole('heading', { name: /Needs attention/ }).waitFor();
    await page.getByRole('link', { name: /host=busy/ }).first().waitFor();
    // Which of at most how many messages was sent: this rule allows one.
    await eventually(() => page.getByRole('row', { name: /host=busy/ }).locator('td').last().textContent(), /^1 of 1/);
    await axe(page);
    await page.getByRole('checkbox', { name: /Choose cpu_busy .*host=busy/ }).check();
    await act(page, 'Acknowledge', 'on it');
    await until('the acknowledgement', async () => (await alertOf('busy')).incident?.acknowledged?.message === 'on it');
    await page.getByRole('heading', { name: /Acknowledged \(1\)/ }).waitFor();
    await page.getByRole('link', { name: /host=busy/ }).first().click();
    await page.locator('.alert-chart canvas').first().waitFor();
    await eventually(() => page.url(), (url) => url.endsWith(`#/alerts/${id}`), 'the address');
    await page.getByText('message 1 of 1', { exact: true }).waitFor();
    await axe(page);
    await act(page, 'Note', 'a <b>note</b>');
    await page.getByText('a <b>note</b>', { exact: true }).first().waitFor();
    await act(page, 'Force close', 'enough');
  });
  const words = async () => (await json('/api/alerts/history?rule=cpu_busy')).events.filter((event) => event.tags.host === 'busy').map((event) => event.change);
  await eventually(words, (all) => ['opened', 'acknowledged', 'noted', 'closed'].every((word) => all.includes(word)), 'the history');
  await visit('/#/alerts?tab=history', async (page) => {
    await page.getByText('acknowledged').first().waitFor();
    await axe(page);
  });
});

test('a silence is tried, made, shown and ended', async () => {
  await visit('/#/alerts?tab=silences&rule=cpu*&tags=host=*bold*', async (page) => {
    await page.getByRole('button', { name: 'What would it hit?' }).click();
    await page.getByText('It would silence 1 known alert.').waitFor();
    assert.deepEqual(await json('/api/alerts/silences'), []);
    await page.getByLabel('For').fill('nonsense');
    await page.getByRole('button', { name: 'Silence', exact: true }).click();
    await page.getByText(/is no length of time/).waitFor();
    await page.getByLabel('For').fill('30m');
    await page.getByLabel('Your name').fill('nora');
    await page.getByRole('button', { name: 'Silence', exact: true }).click();
    await until('the silence', async () => (await json('/api/alerts/silences')).length === 1);
    await page.getByRole('cell', { name: 'cpu*' }).waitFor();
    await axe(page);
    await page.getByRole('button', { name: 'End', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'End it' }).click();
    await until('its end', async () => (await json('/api/alerts/silences')).length === 0);
  });
});

test('a rule is checked, tried over history, stored, changed and deleted', async () => {
  await visit('/#/alerts?tab=rules', async (page) => {
    await page.getByText(/"any\(#3\)" is no function/).waitFor();
    await page.getByRole('button', { name: 'New' }).click();
    await page.getByLabel('Name', { exact: true }).fill('mine');
    const text = page.getByLabel('Text of the rule, in TOML');
    await text.fill('[rule.mine]\nquery = "avg:1m-avg:worker.cpu{host=*}"\njudge = { critical = "all(#3) >> 90" }');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText(/:3:\d+:/).first().waitFor();
    await text.fill('[rule.mine]\nquery = "avg:1m-avg:worker.cpu{host=*}"\njudge = { critical = "all(#3) > 90" }');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('1 rule: mine. No fault.').waitFor();
    await page.getByLabel('Test from').fill('30m-ago');
    await page.getByRole('region', { name: 'Editor' }).getByRole('button', { name: 'Test' }).click();
    await page.getByRole('heading', { name: 'Test of mine' }).waitFor({ timeout: 120_000 });
    await page.getByRole('region', { name: 'What would have happened' }).getByText('opened').first().waitFor();
    await axe(page);
    await page.getByRole('button', { name: 'Save' }).click();
    await until('the stored rule', async () => (await json('/api/alerts/rules')).stored.some((rule) => rule.name === 'mine'));
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    // What is stored stands aside for what is written.
    await page.getByRole('region', { name: 'Editor' }).getByRole('button', { name: 'Messages' }).click();
    await page.getByRole('heading', { name: 'Message of mine' }).waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await until('its end', async () => (await json('/api/alerts/rules')).stored.length === 0);
  });
});

test('an expression is tried: its faults at their places, a table and a picture, the address, and a rule of it', async () => {
  const good = 'avg(q("avg:1m-avg:worker.cpu{host=*}", "5m", "")) > 90';
  await visit('/#/alerts', { allow: [/status of 400/] }, async (page) => {
    await page.getByRole('tab', { name: 'Expression' }).click();
    const form = page.getByRole('form', { name: 'Expression' });
    const area = form.getByLabel('Expression', { exact: true });
    await area.fill('1 +\n  avgg(2)');
    await eventually(() => form.getByLabel('From').inputValue(), '1h-ago');
    await page.keyboard.press('Control+Enter');
    await page.getByText('there is no function avgg (did you mean avg?)').waitFor();
    await page.getByRole('button', { name: 'Line 2, column 3' }).click();
    await eventually(() => area.evaluate((box) => [document.activeElement === box, box.selectionStart]), [true, '1 +\n  '.length]);
    assert.equal(await page.getByRole('button', { name: 'Make a rule of it' }).isDisabled(), true);
    await axe(page, 'an expression with a fault');
    await area.fill(good);
    await page.keyboard.press('Control+Enter');
    await page.getByRole('heading', { name: `${HOSTS.length} groups` }).waitFor();
    await page.waitForURL(/tab=expression.*expr=avg.*from=1h-ago/);
    // The table has what the API gives; two of the hosts are busy.
    const rows = () => page.getByRole('region', { name: 'Result', exact: true }).locator('tbody tr').evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent).join('|')).sort());
    await eventually(rows, HOSTS.map((host) => `host=${host}|${/busy|bold/.test(host) ? '1|triggers' : '0|normal'}`).sort());
    const { result } = await send('/api/alerts/expression', { expression: good, start: '1h-ago' });
    assert.deepEqual([result.moments, result.groups.length, result.groups[0].points.length], [60, HOSTS.length, 60]);
    const chart = page.locator('[aria-roledescription=chart]');
    await chart.locator('canvas').first().waitFor();
    await eventually(() => chart.evaluate((one) => document.getElementById(one.getAttribute('aria-describedby')).textContent), /^4 groups: .*host=busy/);
    // Who has the link sees the same; back leads to what was asked before.
    await page.reload();
    await eventually(rows, (all) => all.length === HOSTS.length, 'rows after a reload');
    await axe(page, 'the result of an expression');
    await largeTargets(page);
    // Each group has the colour of its line; a drag shows less time, a double click all of it again.
    const colors = await page.getByRole('region', { name: 'Result', exact: true }).locator('.swatch').evaluateAll((all) => all.map((one) => getComputedStyle(one).color));
    assert.equal(new Set(colors).size, HOSTS.length);
    const { x, y, width } = await chart.boundingBox();
    await page.mouse.move(x + width * 0.4, y + 100);
    await page.mouse.down();
    await page.mouse.move(x + width * 0.6, y + 100, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/from=\d+&at=\d+/);
    await eventually(() => page.getByLabel('From').inputValue(), /^\d+$/);
    await still(page);
    await page.mouse.dblclick(x + width * 0.5, y + 100);
    await eventually(() => page.getByLabel('From').inputValue(), '1h-ago');
    for (let n = 0; n < 2; n += 1) await page.goBack();
    await eventually(() => page.getByLabel('From').inputValue(), '1h-ago');
    await page.goBack();
    await page.getByText('there is no function avgg').waitFor();
    await page.goForward();
    await eventually(() => page.getByRole('button', { name: 'Make a rule of it' }).isEnabled(), true);
    await page.getByRole('button', { name: 'Make a rule of it' }).focus();
    await page.keyboard.press('Enter');
    const text = page.getByLabel('Text of the rule, in TOML');
    await eventually(() => text.inputValue(), (value) => value.includes(good), 'the rule');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('1 rule: mine. No fault.').waitFor();
  });
  // A graph leads to an expression of what it shows.
  await visit('/#start=30m-ago&m=max:worker.cpu{host=*}', async (page) => {
    await page.getByRole('button', { name: 'Share' }).click();
    await page.getByRole('menuitem', { name: 'An expression of it' }).click();
    await page.getByRole('heading', { name: `${HOSTS.length} groups` }).waitFor();
    await eventually(() => page.getByLabel('Expression', { exact: true }).locator('visible=true').last().inputValue(), 'avg(q("max:1m-max:worker.cpu{host=*}", "15m", ""))');
    await eventually(() => page.getByLabel('From').inputValue(), '30m-ago');
  });
  // Series are drawn as they are; a rule needs numbers.
  const series = encodeURIComponent('q("avg:1m-avg:worker.cpu{host=*}", "30m", "")');
  await visit(`/#/alerts?tab=expression&expr=${series}`, { dark: true }, async (page) => {
    await page.getByRole('columnheader', { name: 'Average' }).waitFor();
    await page.getByText('A rule needs numbers').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Make a rule of it' }).isDisabled(), true);
    await axe(page, 'series of an expression');
    await page.getByLabel('to', { exact: true }).fill('soon');
    await page.getByRole('button', { name: 'Evaluate' }).click();
    await page.getByText(/to: .*soon.* is no time/).waitFor();
  });
});

test('the message of a rule is shown as its channel would send it, of an example and of a test; a failing template says where', async () => {
  await visit('/#/alerts?tab=rules&edit=%2B', { allow: [/status of 400/] }, async (page) => {
    const text = page.getByLabel('Text of the rule, in TOML');
    const rule = (message) => `[rule.told]\nquery = "avg:1m-avg:worker.cpu{host=*}"\njudge = { critical = "all(#3) > 90" }\nnotify = "log"\n${message}`;
    await text.fill(rule('message.subject = "{{ tags.host }} is at {{ value | num }}"'));
    const editor = page.getByRole('region', { name: 'Editor' });
    await editor.getByRole('button', { name: 'Messages' }).click();
    const messages = page.getByRole('region', { name: 'Messages' });
    await messages.getByRole('heading', { name: 'Message of told' }).waitFor();
    const line = messages.getByLabel('line of log');
    await eventually(async () => JSON.parse(await line.innerText()).title, 'example is at 42');
    await messages.getByLabel('Example').selectOption({ label: 'its end' });
    await eventually(async () => JSON.parse(await line.innerText()).kind, 'recovery');
    await axe(page, 'a message');
    // Of what a test found: the markup in a tag is text.
    await page.getByLabel('Test from').fill('30m-ago');
    await editor.getByRole('button', { name: 'Test' }).click();
    await page.getByRole('heading', { name: 'Test of told' }).waitFor({ timeout: 120_000 });
    await page.getByRole('button', { name: /^Message about .*bold/ }).first().click();
    await eventually(async () => JSON.parse(await line.innerText()).title, new RegExp(`^${MARKUP} is at 9\\d`));
    assert.equal(await messages.getByLabel('Example').isVisible(), false);
    // Where a template fails is said.
    await text.fill(rule('message.text = "of\\n  {{ tags.nosuch.field }}"'));
    await editor.getByRole('button', { name: 'Messages' }).click();
    await messages.getByText('message.text, line 2, column 10:').waitFor();
    await largeTargets(page);
    await noSidewaysScrolling(page);
    await text.fill(rule('message.text = "{{ tags"'));
    await editor.getByRole('button', { name: 'Messages' }).click();
    await messages.getByText('The rule has faults').waitFor();
    await messages.getByText(/table:new:5:\d+:/).waitFor();
  });
  assert.equal((await json('/api/alerts?all=true')).alerts.some((alert) => alert.rule === 'told'), false, 'nothing is stored');
});

test('Similar finds the series of the same shape, from a series and from a drawing, and saves a collection', async () => {
  await visit('/#/similar', async (page) => {
    await page.getByLabel('Metric of the series').fill('worker.cpu');
    await page.getByRole('option', { name: /worker\.cpu/ }).first().click();
    await page.getByRole('button', { name: 'host=busy' }).click();
    const hit = page.locator('.similar-hit');
    await hit.nth(1).waitFor();
    // Itself first, then the one that was busy at the same time.
    await eventually(() => hit.nth(0).getAttribute('aria-label'), /host=busy/);
    await eventually(() => hit.nth(1).getAttribute('aria-label'), /<b>bold<\/b>/);
    await hit.nth(1).locator('canvas').first().waitFor();
    await axe(page);
    await hit.nth(1).getByRole('button', { name: 'Collect' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Busy hour');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await until('the collection', async () => (await json('/api/similar/collections')).some((one) => one.name === 'Busy hour' && one.series === 1));
    await page.getByRole('heading', { name: 'Similar' }).waitFor();
    await page.locator('.similar-hit svg').first().waitFor();
    await axe(page);
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await until('its end', async () => (await json('/api/similar/collections')).every((one) => one.name !== 'Busy hour'));
  });
  await visit('/#/similar', async (page) => {
    const sheet = page.locator('.similar-sheet');
    const box = await sheet.boundingBox();
    await page.mouse.move(box.x + 5, box.y + 90);
    await page.mouse.down();
    await page.mouse.move(box.x + 240, box.y + 90, { steps: 20 });
    await page.mouse.move(box.x + 250, box.y + 5, { steps: 3 });
    await page.mouse.move(box.x + 295, box.y + 5, { steps: 5 });
    await page.mouse.up();
    await page.getByRole('heading', { name: 'The drawing' }).waitFor();
    await page.waitForURL(/draw=/);
    await page.waitForFunction(() => /have this shape|has this shape/.test(document.querySelector('.worker-state').textContent));
  });
});

test('workers say what they do and cannot do, and the pages fit a narrow window', async () => {
  await visit('/#/alerts?tab=workers', async (page) => {
    await page.getByRole('heading', { name: 'What they cannot do' }).waitFor();
    await page.getByText(/any\(#3\)/).first().waitFor();
    await axe(page);
  });
  for (const path of ['/#/anomalies', '/#/alerts', '/#/alerts?tab=history', '/#/alerts?tab=rules', '/#/alerts?tab=silences', '/#/alerts?tab=expression', '/#/alerts?tab=workers', '/#/similar']) {
    await visit(path, { width: 320, height: 640 }, async (page) => {
      await page.getByRole('heading', { level: 1 }).waitFor();
      await noSidewaysScrolling(page);
    });
  }
});

/** What is anomalous now. A series that nobody writes any more is no anomaly after a while: each gets a point. */
async function stillAnomalous() {
  const timestamp = Math.floor(Date.now() / 1000);
  await send('/api/put?sync', ['web01', 'web02', 'busy', MARKUP].map((host) => ({ metric: 'worker.cpu', timestamp, value: host.match(/busy|bold/) ? 97 : 21, tags: { host } })));
  await until('two anomalies', async () => (await json('/api/anomalies')).anomalies.length === 2);
  return (await json('/api/anomalies')).anomalies;
}

test('Anomalies: a marked time says what else was anomalous then; narrow rows break between the parts of a name', async () => {
  const anomalies = await stillAnomalous();
  await visit('/#/anomalies', async (page) => {
    await page.locator('.anomaly-hour canvas').first().waitFor();
    await page.getByRole('button', { name: 'What else then?' }).click();
    const marked = page.getByRole('region', { name: 'The marked time' });
    await page.waitForFunction((count) => document.querySelectorAll('.anomaly-ranked li').length === count, anomalies.length);
    await eventually(async () => (await marked.locator('li .name').allInnerTexts()).sort(), anomalies.map(({ name }) => name).sort());
    await axe(page, 'a marked time');
    // A name leads to its series; what was marked stays.
    const other = anomalies.find(({ name }) => name.includes('bold'));
    await marked.getByRole('button', { name: other.name }).click();
    await page.waitForFunction((name) => document.querySelector('.anomaly-detail h2').textContent === name, other.name);
    await marked.getByRole('link', { name: 'Graph of this time' }).waitFor();
    await eventually(async () => decodeURIComponent(await marked.getByRole('link', { name: 'Same shape at this time' }).getAttribute('href')), (href) => href.includes(`tsuid=${other.tsuid}`) && href.includes('start=20'), 'the link');
    await page.getByRole('button', { name: 'Mark nothing' }).click();
    await marked.waitFor({ state: 'hidden' });
    // A drag over the day from before anything was wrong: a part of it without anomalies says so.
    const day = page.locator('.anomaly-day .u-over');
    await still(page);
    const box = await day.boundingBox();
    await page.mouse.move(box.x + box.width * 0.2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2, { steps: 8 });
    await page.mouse.up();
    await marked.getByText('No series was, as far as the history goes.').waitFor();
  });
  await visit('/#/anomalies', { width: 360 }, async (page) => {
    await page.getByRole('option').nth(1).waitFor();
    const cut = await page.locator('.anomaly-row > .name').evaluateAll((names) => names.flatMap((name) => [...name.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.data).filter((node) => {
      const range = document.createRange();
      range.selectNodeContents(node);
      return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1;
    }).map((node) => node.data)));
    assert.deepEqual(cut, [], 'broken in the middle of a part');
    await noSidewaysScrolling(page);
  });
});

test('Similar shows the fingerprint of what is searched for, and saved series that look like it', async () => {
  const anomalies = await stillAnomalous();
  const { tsuid, name } = anomalies.find(({ tags }) => tags.host === 'busy');
  const end = Math.floor(Date.now() / 1000);
  await send('/api/similar/collections/busy-once', { name: 'Busy once', description: '', updated: 0, items: [{ name, tsuid, start: end - 3600, end, note: '' }] }, 'PUT');
  // Of a time that does not go on, so that what is saved and what is asked for stay the same.
  const times = `start=${end - 3600}&end=${end}`;
  const { query } = await json(`/api/similar?tsuid=${tsuid}&${times}`);
  await visit(`/#/similar?tsuid=${tsuid}&${times}`, { allow: [/status of 409/] }, async (page) => {
    assert.match(query.shape, /^((s?dec|s?inc)( |$))+/);
    await page.getByText(`Its shape in ${query.shape.split(' ').length} words`).click();
    await page.getByText(query.shape, { exact: true }).waitFor();
    await page.getByText('1 saved series looks like it').waitFor();
    await page.getByRole('link', { name: `busy-once: ${name}` }).waitFor();
    await axe(page, 'a fingerprint');
    await noSidewaysScrolling(page);
    // The basket tells what came of it.
    const collect = page.locator('.similar-hit').first().getByRole('button', { name: 'Collect' });
    for (const words of ['In the basket.', 'It is in the basket already.']) {
      await collect.click();
      await page.locator('.toast', { hasText: words }).waitFor();
    }
    await page.getByRole('button', { name: 'Empty it' }).click();
    await page.getByRole('link', { name: `busy-once: ${name}` }).click();
    const form = page.getByRole('region', { name: 'Collection' });
    await form.getByLabel('Name', { exact: true }).waitFor();
    // What somebody is writing stays while the page loads again, and what somebody else saved meanwhile is not overwritten.
    await form.getByLabel('Notes', { exact: true }).fill('mine');
    const again = page.waitForResponse(/api\/similar\/collections\/busy-once/);
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('r');
    await again;
    await still(page);
    assert.equal(await form.getByLabel('Notes', { exact: true }).inputValue(), 'mine');
    const now = await json('/api/similar/collections/busy-once');
    await send('/api/similar/collections/busy-once', { ...now, description: 'theirs' }, 'PUT');
    await form.getByRole('button', { name: 'Save', exact: true }).click();
    await form.getByText('Somebody else has changed it meanwhile.').waitFor();
    await form.getByRole('button', { name: 'Take theirs' }).click();
    await eventually(() => form.getByLabel('Notes', { exact: true }).inputValue(), 'theirs');
  });
  await json('/api/similar/collections/busy-once', { method: 'DELETE' });
  // A drawing of a straight line has no shape.
  await visit('/#/similar?draw=5,5,5&start=1h-ago', async (page) => {
    await page.getByText('It is flat: without a shape nothing is like it.').waitFor();
  });
});

test('a test of a rule is drawn; open alerts are grouped; rules with faults are told beside them', async () => {
  await visit('/#/alerts?tab=rules', async (page) => {
    await page.getByLabel('Test from').fill('30m-ago');
    await page.getByRole('row', { name: /cpu_busy/ }).getByRole('button', { name: 'Test' }).click();
    const result = page.getByRole('region', { name: 'Result of the test' });
    await result.getByRole('heading', { name: 'Test of cpu_busy' }).waitFor({ timeout: 120_000 });
    await result.locator('canvas').first().waitFor();
    const chart = result.locator('[aria-roledescription=chart]');
    const described = () => chart.evaluate((one) => document.getElementById(one.getAttribute('aria-describedby')).textContent);
    const { result: { lines } } = await send('/api/alerts/test', { rule: 'cpu_busy', start: '30m-ago', end: 'now' });
    const opened = new Set(lines.filter(({ what }) => what === 'opened').map((line) => line.name));
    await eventually(described, (text) => /^Bad /.test(text) && [...opened].every((name) => text.includes(name)), `${[...opened]} described`);
    await axe(page, 'a test that is drawn');
  });
  await visit('/#/alerts', async (page) => {
    await page.getByRole('link', { name: /1 fault in rules/ }).waitFor();
    await page.getByLabel('Grouped by').selectOption('rule');
    await page.waitForURL(/by=rule/);
    const { alerts } = await json('/api/alerts');
    for (const rule of new Set(alerts.map((alert) => alert.rule))) {
      await page.getByRole('heading', { name: `${rule} (${alerts.filter((alert) => alert.rule === rule).length})` }).waitFor();
    }
    await axe(page, 'alerts by rule');
    await page.getByRole('link', { name: /1 fault in rules/ }).click();
    await page.getByRole('heading', { name: 'What they cannot do' }).waitFor();
  });
});

test('a silence is changed', async () => {
  await send('/api/alerts/silence', { rule: 'none*', tags: { host: 'x' }, for: 7200, every: 0, user: 'nora', message: 'first', confirm: true });
  await visit('/#/alerts?tab=silences', async (page) => {
    await page.getByRole('row', { name: /none\*/ }).getByRole('button', { name: 'Change' }).click();
    const form = page.getByRole('form', { name: 'A new silence' });
    await eventually(() => Promise.all(['Rules', 'Tags', 'For', 'Message'].map((label) => form.getByLabel(label).inputValue())), ['none*', 'host=x', '2h', 'first']);
    await form.getByLabel('Tags').fill('host=y');
    await form.getByLabel('For').fill('1d');
    await form.getByRole('button', { name: 'Change', exact: true }).click();
    await until('the changed silence', async () => { const all = await json('/api/alerts/silences'); return all.length === 1 && all[0].tags.host === 'y'; });
    const [{ id, start, end, message }] = await json('/api/alerts/silences');
    assert.ok(Math.abs(end - start - 86_400) < 1_800 && message === 'first', `${start} ${end} ${message}`);
    await page.getByRole('row', { name: /host=y/ }).waitFor();
    await page.getByRole('heading', { name: 'A new silence' }).waitFor();
    await send('/api/alerts/unsilence', { id });
  });
});

test('in a narrow window nothing on Alerts has to be scrolled to sideways, and the tab that is open is in sight', async () => {
  for (const tab of ['history', 'silences', 'rules', 'workers']) {
    await visit(`/#/alerts?tab=${tab}`, { width: 390 }, async (page) => {
      await page.locator('.alerts-panel > *').first().waitFor();
      if (tab !== 'silences') await page.locator('.alerts-panel tbody tr').first().waitFor();
      await noSidewaysScrolling(page);
      const wide = await page.locator('.alerts-panel .scroll').evaluateAll((boxes) => boxes.filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => `${box.ariaLabel} ${box.scrollWidth}`));
      assert.deepEqual(wide, [], tab);
      const box = await page.getByRole('tab', { selected: true }).boundingBox();
      assert.ok(box.x >= 0 && box.x + box.width <= 390, `${tab}: ${JSON.stringify(box)}`);
      await axe(page, `${tab} in a narrow window`);
    });
  }
});

test('in a narrow window an alert is a few lines, and Similar has room for its search', async () => {
  await visit('/#/alerts', { width: 360 }, async (page) => {
    const row = page.locator('.alerts-groups tbody tr').first();
    await row.waitFor();
    await still(page);
    // Level, rule, group and condition are all in sight: nothing has to be scrolled to.
    const hidden = await row.locator('td').evaluateAll((cells) => cells.filter((cell) => cell.checkVisibility() && (cell.getBoundingClientRect().right > innerWidth || cell.getBoundingClientRect().width < 20)).map((cell) => cell.textContent));
    assert.deepEqual(hidden, []);
    await axe(page, 'alerts in a narrow window');
    await largeTargets(page);
  });
  await visit('/#/similar', { width: 360 }, async (page) => {
    const field = page.getByLabel('Metric of the series');
    await field.waitFor();
    await eventually(async () => (await field.boundingBox()).width, (width) => width >= 200, 'as wide as the window');
    assert.equal(await page.locator('.similar-sheet').evaluate((sheet) => { const box = sheet.getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth; }), true);
  });
});
