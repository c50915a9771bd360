// The page Graph as people use it: the way to a picture, keys, zoom and back, links, what screen readers get.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { charted, chartOf, queriesOf } from './graph.mjs';
import { axe, close, contrast, eventually, json, largeTargets, noSidewaysScrolling, says, send, shiftsFrom, still, tabThrough, visit } from './helper.mjs';

after(close);

const TWO = '/#start=2h-ago&m=sum:1m-avg:sys.cpu.user{host=*}';
const hash = (page) => page.evaluate(() => decodeURIComponent(location.hash));
const focused = (page) => page.evaluate(() => document.activeElement.getAttribute('role') ?? document.activeElement.tagName);

test('empty and filled, light and dark: no serious finding of axe, nothing too small', async () => {
  for (const dark of [false, true]) {
    for (const path of ['/', TWO]) {
      await visit(path, { dark }, async (page) => {
        if (path === TWO) await charted(page);
        else await page.getByRole('combobox').nth(1).waitFor();
        await axe(page, `${path} ${dark ? 'dark' : 'light'}`);
        await largeTargets(page);
      });
    }
  }
});

test('from / to a picture in two actions: type, Enter; then split by a tag', async () => {
  await visit('/', async (page) => {
    // The cursor is in the metric box, and the names written last are offered under it.
    await page.waitForFunction(() => document.activeElement.getAttribute('role') === 'combobox');
    await page.keyboard.type('loadavg.1');
    await page.waitForFunction(() => document.activeElement.getAttribute('aria-expanded') === 'true' && document.activeElement.getAttribute('aria-activedescendant'));
    await page.keyboard.press('Enter');
    assert.equal((await charted(page)).lines, 1);
    await eventually(() => hash(page), /m=sum:.*proc\.loadavg\.1min/);
    await page.getByRole('button', { name: /^host/ }).first().click();
    await page.waitForFunction(() => /^4 series drawn/.test(document.getElementById('polite').textContent));
  });
});

test('a name with a mistake in it leads to the nearest, in the list and where it was drawn', async () => {
  await visit('/', { allow: [/status of (400|404)/] }, async (page) => {
    const box = page.locator('main input[role=combobox]').first();
    const options = page.locator('main [role=option]');
    for (const typed of ['loadavrage', 'laodavg.1min', 'lodavg 1min']) {
      await box.fill(typed);
      await page.getByText('Nothing has this in its name. The nearest:').waitFor();
      await eventually(() => options.allInnerTexts(), (names) => names.some((name) => name.startsWith('proc.loadavg.1min')), typed);
      await box.fill('');
    }
    await axe(page, 'the nearest names');
    // None of them is taken by itself: Enter takes what was typed, and what is wrong with it offers them again.
    await box.fill('proc.loadavrg.1min');
    await page.getByText('The nearest:').waitFor();
    await page.keyboard.press('Enter');
    await page.getByText("No such name for 'metrics': 'proc.loadavrg.1min'").first().waitFor();
    await page.locator('.hint-banner').getByRole('button', { name: 'proc.loadavg.1min' }).click();
    assert.equal((await charted(page)).lines, 1);
    await eventually(() => page.evaluate(() => decodeURIComponent(location.hash)), /m=sum:proc\.loadavg\.1min/);
  });
});

test('completion is a combobox: role, expanded, controls, the active one, Esc', async () => {
  await visit('/', async (page) => {
    await page.waitForFunction(() => document.activeElement.getAttribute('role') === 'combobox');
    await page.keyboard.type('sys.cpu');
    const box = () => page.evaluate(() => {
      const input = document.activeElement;
      const list = document.getElementById(input.getAttribute('aria-controls'));
      const active = document.getElementById(input.getAttribute('aria-activedescendant') ?? '');
      return { role: input.getAttribute('role'), busy: input.getAttribute('aria-busy'), text: input.value, expanded: input.getAttribute('aria-expanded'), listRole: list?.getAttribute('role'), options: list?.querySelectorAll('[role=option]').length ?? 0, active: active?.textContent ?? null, selected: active?.getAttribute('aria-selected') ?? null };
    });
    const open = await eventually(box, ({ text, busy, options, active }) => text === 'sys.cpu' && busy === null && options >= 2 && active?.includes('sys.cpu'), 'the list of what was typed');
    assert.deepEqual([open.role, open.expanded, open.listRole, open.selected], ['combobox', 'true', 'listbox', 'true']);
    await page.keyboard.press('ArrowDown');
    await eventually(async () => (await box()).active, (active) => active !== null && active !== open.active);
    await axe(page, 'the open list');
    await page.keyboard.press('Escape');
    await eventually(async () => (await box()).expanded, 'false');
    await eventually(() => focused(page), 'combobox', 'Esc leaves the focus where it was');
  });
});

test('by keyboard alone: draw, zoom, go back, the cursor on the picture, share', async () => {
  await visit(TWO, async (page) => {
    await charted(page);
    const chart = chartOf(page);
    await chart.focus();
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(() => /\d/.test(document.getElementById('polite').textContent) && !/series drawn/.test(document.getElementById('polite').textContent));
    await page.keyboard.press('Escape');
    await page.evaluate(() => document.activeElement.blur());
    const before = await hash(page);
    await page.keyboard.press('+');
    await page.waitForFunction((was) => decodeURIComponent(location.hash) !== was, before);
    await page.keyboard.press('Backspace');
    await page.waitForFunction((was) => decodeURIComponent(location.hash) === was, before);
    await page.getByRole('button', { name: /^Share/ }).first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menu').waitFor();
    await axe(page, 'the share menu');
    await page.keyboard.press('Escape');
    await eventually(() => page.evaluate(() => document.activeElement.textContent + (document.activeElement.getAttribute('aria-label') ?? '')), /Share/);
  });
});

test('the focus can be seen at every Tab', async () => {
  await visit(TWO, async (page) => {
    await charted(page);
    const stops = await tabThrough(page);
    assert.ok(stops.length > 15, stops.join('\n'));
  });
  await visit(TWO, { dark: true }, async (page) => {
    await charted(page);
    await tabThrough(page);
  });
});

test('the picture has a name and a description, the table the same numbers', async () => {
  await visit('/#start=2h-ago&m=sum:10m-avg:proc.meminfo.memfree{host=web01}', async (page, { requests }) => {
    await charted(page);
    const { name, about } = await page.evaluate(() => {
      const chart = document.querySelector('[aria-roledescription=chart]');
      return { name: chart.getAttribute('aria-label'), about: document.getElementById(chart.getAttribute('aria-describedby')).textContent };
    });
    assert.match(name, /proc\.meminfo\.memfree|1 series/);
    assert.match(about, /memfree|series/);
    assert.match(about, /\d/);
    const [asked] = queriesOf(requests);
    const [{ dps }] = await json(asked.pathname + asked.search);
    await page.getByRole('tab', { name: /^Table/ }).click();
    const values = Array.isArray(dps) ? dps.map(([, value]) => value) : Object.values(dps);
    const seen = async () => {
      const text = (await page.locator('table').last().innerText()).replaceAll('\u202f', '');
      return values.filter((value) => text.includes(String(Number(Number(value).toPrecision(10)))) || text.includes(String(Math.round(value)))).length;
    };
    await eventually(seen, (count) => count >= values.length - 1, `of ${values.length} values those in the table`);
  });
});

test('ten zooms, then back and forward: each range comes again', async () => {
  await visit('/#start=2h-ago&m=sum:sys.cpu.user{host=*}', async (page) => {
    await charted(page);
    const chart = chartOf(page);
    const ranges = [await hash(page)];
    for (let n = 0; n < 10; n += 1) {
      const box = await chart.boundingBox();
      // The next one is a part of this picture: it must be there.
      await says(page, async () => {
        await page.mouse.move(box.x + box.width * 0.25, box.y + box.height / 2);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2, { steps: 3 });
        await page.mouse.move(box.x + box.width * 0.9, box.y + box.height / 2, { steps: 3 });
        await page.mouse.up();
        await page.waitForFunction((was) => decodeURIComponent(location.hash) !== was, ranges.at(-1));
      }, /drawn|No points/);
      ranges.push(await hash(page));
    }
    assert.equal(new Set(ranges).size, 11);
    for (let n = 9; n >= 0; n -= 1) {
      await page.goBack();
      await page.waitForFunction((was) => decodeURIComponent(location.hash) === was, ranges[n]);
    }
    for (let n = 1; n <= 9; n += 1) {
      await page.goForward();
      await page.waitForFunction((was) => decodeURIComponent(location.hash) === was, ranges[n]);
    }
    await still(page);
    await says(page, async () => {
      await page.goForward();
      await page.waitForFunction((was) => decodeURIComponent(location.hash) === was, ranges[10]);
    }, /drawn|No points/);
    // A double click goes back as well; two clicks on a picture that is replaced between them are none.
    await still(page);
    const box = await chart.boundingBox();
    await page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
    await page.waitForFunction((was) => decodeURIComponent(location.hash) === was, ranges[9]);
  });
});

test('the address opens the same in another window', async () => {
  let address;
  await visit(TWO, async (page) => {
    await charted(page);
    await page.keyboard.press('y'); // a logarithmic axis
    await page.waitForFunction(() => /ylog/.test(location.hash));
    address = await page.evaluate(() => location.hash);
  });
  await visit(`/${address}`, async (page) => {
    assert.equal((await charted(page)).lines, 4);
    await eventually(() => page.evaluate(() => location.hash), address);
  });
});

test('histograms: an empty picture offers the heat map, percentiles lie over it, the table has the counts', async () => {
  await visit('/#start=2h-ago&m=sum:http.latency', async (page) => {
    await page.getByText('http.latency has histograms, no points.').waitFor();
    await axe(page, 'a metric of histograms');
    await page.getByRole('button', { name: 'Heat map' }).click();
    await page.waitForFunction(() => /^heat map of 4 ranges drawn/.test(document.getElementById('polite').textContent));
    await eventually(() => hash(page), /m=sum:show-histogram-buckets:http\.latency/);
    await eventually(() => page.locator('.picture-state').innerText(), /^\S+ points · heat map/);
    const [answer] = [await json('/api/query?start=2h-ago&m=sum:show-histogram-buckets:http.latency&arrays')];
    const most = (name) => String(Math.max(...answer.find(({ metric }) => metric === name).dps.map(([, count]) => count)));
    const heads = await page.locator('table.legend thead th').allInnerTexts();
    for (const [range, name] of [['0 – 10', 'http.latency_0.0_10.0'], ['200 – 1k', 'http.latency_200.0_1000.0']]) {
      const row = page.locator('table.legend tr', { hasText: range });
      await eventually(() => row.locator('td').nth(heads.indexOf('max')).innerText(), most(name), range);
      // The range can be read: its colour beside it is a square.
      await eventually(() => row.locator('.swatch, .name').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().width)), ([color, label]) => color < 20 && label > 30, 'colour and range');
    }
    // The pointer tells range and count.
    const box = await chartOf(page).boundingBox();
    for (let part = 1; part < 10; part += 1) await page.mouse.move(box.x + (box.width * part) / 10, box.y + box.height * 0.8);
    await page.getByRole('tab', { name: /^Table/ }).click();
    await page.getByRole('columnheader', { name: '10 – 50' }).waitFor();
    // The copy of the query becomes percentiles: lines over the map.
    await page.getByRole('button', { name: 'More for this query' }).click();
    await page.getByText('Copy of this query').click();
    await page.getByRole('button', { name: 'More for this query' }).nth(1).click();
    await page.getByText('Histograms: percentiles').click();
    await page.waitForFunction(() => /^heat map of 4 ranges and 3 series drawn/.test(document.getElementById('polite').textContent));
    await axe(page, 'a heat map with percentiles');
    await eventually(() => page.evaluate(() => document.getElementById(document.querySelector('[aria-roledescription=chart]').getAttribute('aria-describedby')).textContent), /^Heat map of 4 ranges from 0 – 10 to 200 – 1k/);
  });
});

test('points that are missing are a gap, and no row of the table', async () => {
  const now = Math.floor(Date.now() / 1000);
  const metric = `points.missing.${now}`;
  const times = Array.from({ length: 100 }, (_, n) => now - 3000 + 30 * n).filter((_, n) => n < 40 || n > 60);
  await send('/api/put?sync', times.map((timestamp) => ({ metric, timestamp, value: 5, tags: { host: 'a' } })));
  await visit(`/#start=1h-ago&m=sum:${metric}`, async (page) => {
    assert.equal((await charted(page)).lines, 1);
    // Pixels of the line's colour in columns of the canvas: none in the gap.
    const coloured = () => page.evaluate(([from, to]) => {
      const canvas = document.querySelector('[aria-roledescription=chart] .u-wrap canvas');
      const over = document.querySelector('[aria-roledescription=chart] .u-over');
      const ctx = canvas.getContext('2d');
      const seen = (share) => {
        const x = Math.round((over.offsetLeft + share * over.clientWidth) * devicePixelRatio);
        const { data } = ctx.getImageData(x, 0, 1, canvas.height);
        let found = 0;
        for (let at = 0; at < data.length; at += 4) if (data[at] < 40 && data[at + 2] > 140) found += 1;
        return found;
      };
      const span = 3600;
      const share = (time) => 1 - (Date.now() / 1000 - time) / span;
      return [share(from - 300), share((from + to) / 2), share(to + 300)].map(seen);
    }, [now - 3000 + 30 * 39, now - 3000 + 30 * 61]);
    await eventually(coloured, ([before, gap, after]) => before > 0 && gap === 0 && after > 0, 'the gap is empty, and nothing else');
    await page.getByRole('tab', { name: /^Table/ }).click();
    await page.getByText(`${times.length} times`).waitFor();
  });
});

test('nothing moves from the first picture on, reloads included', async () => {
  await visit(TWO, async (page) => {
    await charted(page);
    const moved = await shiftsFrom(page);
    for (let n = 0; n < 3; n += 1) {
      await says(page, () => page.keyboard.press('r'), /drawn/);
      await still(page);
    }
    const { shift, shifts } = await moved();
    assert.ok(shift < 0.001, `moved by ${shift}:\n${shifts.join('\n')}`);
  });
});

test('texts and lines can be told from their ground', async () => {
  for (const dark of [false, true]) {
    await visit('/', { dark }, async (page) => {
      const seen = await page.evaluate(async () => {
        const { LINES, GROUND } = await import(new URL('lib/palette.js', document.querySelector('script[type=module]').src));
        const rgb = (hex) => `rgb(${[1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)).join(', ')})`;
        const theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
        return { lines: LINES[theme].map(rgb), ground: rgb(GROUND[theme].ground), texts: ['text', 'quiet', 'link', 'bad', 'warn', 'good'].map((name) => rgb(GROUND[theme][name])) };
      });
      for (const line of seen.lines) assert.ok(contrast(line, seen.ground) >= 3, `${line} on ${seen.ground}`);
      for (const text of seen.texts) assert.ok(contrast(text, seen.ground) >= 4.5, `${text} on ${seen.ground}`);
    });
  }
});

test('320 pixels and a zoom of 200 %: picture, rows and tabs fit', async () => {
  for (const options of [{ width: 320, height: 640 }, { width: 640, height: 400, deviceScaleFactor: 2 }]) {
    await visit(TWO, options, async (page) => {
      await charted(page);
      await noSidewaysScrolling(page);
      await largeTargets(page);
      await eventually(async () => (await chartOf(page).boundingBox()).height, (height) => height >= 200, 'the height of the picture');
    });
  }
});
