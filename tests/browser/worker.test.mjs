// Anomalies and Alerts over a server with a worker: what is listed, and that each act has its effect.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, close, json, largeTargets, noSidewaysScrolling, send, visit } from './helper.mjs';

after(close);

const MARKUP = '<b>bold</b>';

/** A day of quiet hosts, one of which has been busy for ten minutes. */
before(async () => {
  const now = Math.floor(Date.now() / 1000);
  const points = [];
  for (const [at, host] of ['web01', 'web02', 'busy', MARKUP].entries()) {
    for (let time = now - 86_400; time <= now; time += 60) {
      const wave = 20 + at + 3 * Math.sin(time / 900) + ((time * 7919) % 100) / 50;
      points.push({ metric: 'worker.cpu', timestamp: time, value: host.match(/busy|bold/) && time > now - 600 ? 97 : wave, tags: { host } });
    }
  }
  for (let at = 0; at < points.length; at += 2000) await send('/api/put', points.slice(at, at + 2000));
  await until('two alerts of the rule', async () => (await json('/api/alerts?rule=cpu_busy')).alerts.length === 2);
  await until('two anomalies', async () => (await json('/api/anomalies')).anomalies.length === 2);
}, { timeout: 90_000 });

async function until(what, holds) {
  const end = Date.now() + 60_000;
  for (;;) {
    if (await holds().catch(() => false)) return;
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
    await new Promise((go) => setTimeout(go, 200));
  }
}

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
      assert.equal(await rows.count(), 2);
      await page.getByText(/2 series are anomalous of 4 checked/).waitFor();
      await page.locator('.anomaly-hour canvas').first().waitFor();
      await page.locator('.anomaly-day canvas').first().waitFor();
      assert.ok(await page.getByText('voted').count() >= 6);
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
    assert.equal(await page.getByRole('option').nth(1).getAttribute('aria-selected'), 'true');
    assert.match(page.url(), /sel=[0-9A-F]+/);
    const name = await page.locator('.anomaly-detail h2').innerText();
    await page.reload();
    await page.getByRole('option').nth(1).waitFor();
    assert.equal(await page.locator('.anomaly-detail h2').innerText(), name);
    const names = await page.getByRole('option').allInnerTexts();
    assert.ok(names.some((text) => text.includes(MARKUP)), names.join());
    await page.getByRole('searchbox', { name: 'Filter the list' }).fill('busy');
    await page.waitForFunction(() => document.querySelectorAll('[role=option]').length === 1);
  });
});

test('an alert is acknowledged, noted and closed, and the table says so', async () => {
  const { id } = await alertOf('busy');
  await visit('/#/alerts?q=cpu_busy', async (page) => {
    await page.getByRole('heading', { name: /Needs attention/ }).waitFor();
    await page.getByRole('link', { name: /host=busy/ }).first().waitFor();
    await axe(page);
    await page.getByRole('checkbox', { name: /Choose cpu_busy .*host=busy/ }).check();
    await act(page, 'Acknowledge', 'on it');
    await until('the acknowledgement', async () => (await alertOf('busy')).incident?.acknowledged?.message === 'on it');
    await page.getByRole('heading', { name: /Acknowledged \(1\)/ }).waitFor();
    await page.getByRole('link', { name: /host=busy/ }).first().click();
    await page.locator('.alert-chart canvas').first().waitFor();
    assert.ok(page.url().endsWith(`#/alerts/${id}`), page.url());
    await axe(page);
    await act(page, 'Note', 'a <b>note</b>');
    await page.getByText('a <b>note</b>', { exact: true }).first().waitFor();
    await act(page, 'Force close', 'enough');
  });
  const { events } = await json('/api/alerts/history?rule=cpu_busy');
  const words = events.filter((event) => event.tags.host === 'busy').map((event) => event.change);
  for (const word of ['opened', 'acknowledged', 'noted', 'closed']) assert.ok(words.includes(word), `${word} is not in ${words}`);
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
    await page.getByRole('heading', { name: 'Test of mine' }).waitFor({ timeout: 60_000 });
    await page.getByRole('region', { name: 'What would have happened' }).getByText('opened').first().waitFor();
    await axe(page);
    await page.getByRole('button', { name: 'Save' }).click();
    await until('the stored rule', async () => (await json('/api/alerts/rules')).stored.some((rule) => rule.name === 'mine'));
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await until('its end', async () => (await json('/api/alerts/rules')).stored.length === 0);
  });
});

test('Similar finds the series of the same shape, from a series and from a drawing, and saves a collection', async () => {
  await visit('/#/similar', async (page) => {
    await page.getByLabel('Metric of the series').fill('worker.cpu');
    await page.getByRole('option', { name: /worker\.cpu/ }).first().click();
    await page.getByRole('button', { name: 'host=busy' }).click();
    const hit = page.locator('.similar-hit');
    await hit.nth(1).waitFor();
    // Itself first, then the one that was busy at the same time.
    assert.match(await hit.nth(0).getAttribute('aria-label'), /host=busy/);
    assert.match(await hit.nth(1).getAttribute('aria-label'), /<b>bold<\/b>/);
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
    await until('its end', async () => (await json('/api/similar/collections')).length === 0);
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
    assert.match(page.url(), /draw=/);
    await page.waitForFunction(() => /have this shape|has this shape/.test(document.querySelector('.worker-state').textContent));
  });
});

test('workers say what they do and cannot do, and the pages fit a narrow window', async () => {
  await visit('/#/alerts?tab=workers', async (page) => {
    await page.getByRole('heading', { name: 'What they cannot do' }).waitFor();
    await page.getByText(/any\(#3\)/).first().waitFor();
    await axe(page);
  });
  for (const path of ['/#/anomalies', '/#/alerts', '/#/alerts?tab=rules', '/#/alerts?tab=silences', '/#/similar']) {
    await visit(path, { width: 320, height: 640 }, async (page) => {
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForTimeout(800);
      await noSidewaysScrolling(page);
    });
  }
});
