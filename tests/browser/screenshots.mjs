// Pictures of every page for docs/UI.md, light and dark: `node screenshots.mjs http://host:port FOLDER`. See scripts/screenshots.
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { chromium } from 'playwright-core';

const [base, folder] = process.argv.slice(2);
const PAGES = [
  // Name, address, what must be there before the picture is taken, seconds to wait.
  ['graph', '/#start=30m-ago&m=sum:proc.loadavg.1min%7Bhost=*%7D&m=sum:rate:proc.stat.cpu%7Btype=user%7Csystem%7Ciowait%7D&o=&o=axis%20x1y2', '[aria-roledescription=chart]', 2],
  ['explore', '/#/explore?metric=proc.stat.cpu', 'main', 2],
  ['screens', '/#/screens', 'main', 2],
  ['status', '/#/status', '.status-card', 30],
  ['anomalies', '/#/anomalies', 'main', 3],
  ['alerts', '/#/alerts', 'main', 2],
  // One alert's own page: there only while something is open.
  ['alert', '', '.alert-chart canvas', 2],
  ['expression', `/#/alerts?tab=expression&expr=${encodeURIComponent('avg(q("sum:rate:proc.stat.cpu{host=*,type=user|system|nice}", "1m", ""))')}&from=15m-ago`, '.alert-chart canvas', 2],
  ['similar', '/#/similar', 'main', 4],
];
/** Which alert's own page is shown, and what is chosen on Anomalies and Similar: parts of names. */
const ALERT = process.env.ALERT ?? '';
const SERIES = process.env.SERIES ?? '';
/** A screen of a machine, made where there is none yet. */
const SCREEN = {
  name: 'Machine', folder: 'Linux', columns: 3, range: { start: '30m-ago', end: '' },
  panels: [
    { kind: 'line', title: 'Load', width: 2, height: 2, queries: [{ m: 'sum:proc.loadavg.1min' }, { m: 'sum:proc.loadavg.5min' }, { m: 'sum:proc.loadavg.15min' }] },
    { kind: 'value', title: 'Processes that run', width: 1, height: 1, queries: [{ m: 'sum:proc.loadavg.runnable' }] },
    { kind: 'value', title: 'Memory free', width: 1, height: 1, queries: [{ m: 'sum:proc.meminfo.memfree' }] },
    { kind: 'line', title: 'Processor, and what waits for it', width: 2, height: 3, queries: [{ m: 'sum:rate:proc.stat.cpu{type=user|system|nice}' }, { m: 'sum:proc.loadavg.runnable', pane: 'lower' }] },
    { kind: 'top', title: 'Disks, % in use', width: 1, height: 3, queries: [{ m: 'sum:df.bytes.percentused{mount=/|/srv|/srv/data}' }] },
  ],
};
const screens = await (await fetch(`${base}/api/ui/screens`)).json();
if (Array.isArray(screens) && screens.length === 0) {
  const made = await fetch(`${base}/api/ui/screens`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(SCREEN) });
  if (!made.ok) throw new Error(`no screen was made: ${made.status} ${await made.text()}`);
  screens.push(await made.json());
}
const lead = (name, path) => { PAGES.find(([known]) => known === name)[1] = path; };
lead('screens', `/#/screens/${screens[0]?.id ?? ''}?start=30m-ago`);
const all = async (path, key) => (await (await fetch(base + path)).json())[key] ?? [];
const anomaly = (await all('/api/anomalies', 'anomalies')).find(({ name }) => name.includes(SERIES));
if (anomaly) lead('anomalies', `/#/anomalies?sel=${anomaly.tsuid}`);
const alerts = await all('/api/alerts', 'alerts');
const alert = alerts.find(({ rule }) => rule.includes(ALERT));
if (alert) lead('alert', `/#/alerts/${alert.id}`);
const series = anomaly?.tsuid ?? alerts.find(({ name, tsuids }) => tsuids.length && name.includes(SERIES))?.tsuids[0];
if (series) lead('similar', `/#/similar?start=15m-ago&tsuid=${series}`);
const executablePath = process.env.TSDB_TEST_CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);
const only = process.env.ONLY?.split(',');
// Pages that this TSD does not have are left out.
const there = /data-pages="([^"]*)"/.exec(await (await fetch(base, { headers: { Accept: 'text/html' } })).text())?.[1].split(' ') ?? [];
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
await Promise.all(['light', 'dark'].map(async (colorScheme) => {
  for (const [name, path, ready, seconds] of PAGES.filter(([known, path]) => path && there.includes({ alert: 'alerts', expression: 'alerts' }[known] ?? known) && (!only || only.includes(known)))) {
    const page = await browser.newPage({ baseURL: base, viewport: { width: 1200, height: 750 }, colorScheme, timezoneId: 'UTC', locale: 'en-GB', reducedMotion: 'reduce' });
    await page.goto(path);
    await page.locator(ready).first().waitFor();
    await page.waitForTimeout(seconds * 1000);
    if (name === 'graph') {
      const box = await page.locator(ready).first().boundingBox();
      await page.mouse.move(box.x + box.width * 0.62, box.y + box.height * 0.45);
      await page.waitForTimeout(200);
    }
    const file = resolve(folder, `${name}-${colorScheme}.png`);
    await page.screenshot({ path: file });
    await page.close();
    console.log(`${file}: ${Math.round(statSync(file).size / 1000)} kB`);
  }
}));
await browser.close();
