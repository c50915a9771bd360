// What the browser tests share: a Chromium, pages that fail their test on any fault, and checks of what people need.
//
// A page is at fault when it logs an error, breaks its Content-Security-Policy, asks another host for anything, throws,
// or opens a dialog. `visit` collects the faults and asserts at the end that there were none.
//
// No test may fail because a machine is slow: what an act brings about is waited for (`eventually`), never read once, and no
// time but the patience is a bound. A test of something that must not happen waits for the sign that it could have.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import { chromium } from 'playwright-core';

/** The server under test, `http://host:port`. */
export const BASE = process.env.TSDB_URL ?? 'http://127.0.0.1:4242';
/** Milliseconds that anything on a page may take before its test fails. */
export const PATIENCE_MS = 30_000;
/** Milliseconds between two looks at what is waited for. */
const LOOK_MS = 50;
/** Milliseconds without a request after which a page has all that it asked for. */
const STILL_MS = 150;
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser;
/** What each context has asked for, and which answers are still out. */
const asked = new WeakMap();

export const pause = (ms) => new Promise((go) => setTimeout(go, ms));

/**
 * Waits until `read` gives what is expected, and gives it back: a value (compared deeply), a pattern, or a function that tells.
 * When the patience is over it asserts with what was read last. `read` may throw while the page is on its way elsewhere.
 */
export async function eventually(read, expected, what, patience = PATIENCE_MS) {
  const fits = expected instanceof RegExp ? (got) => expected.test(String(got)) : typeof expected === 'function' ? expected : (got) => isDeepStrictEqual(got, expected);
  const end = Date.now() + patience;
  for (;;) {
    let got, trouble = null;
    try {
      got = await read();
    } catch (error) {
      trouble = error;
    }
    if (!trouble && fits(got)) return got;
    if (Date.now() >= end) {
      if (trouble) throw trouble;
      if (expected instanceof RegExp) assert.match(String(got), expected, what);
      else if (typeof expected === 'function') assert.fail(`${what ?? expected}: ${JSON.stringify(got)}`);
      else assert.deepEqual(got, expected, what);
    }
    await pause(LOOK_MS);
  }
}

/** Waits until the page has drawn what it knows: the frame after next. */
export const painted = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** Waits until a page has all that it asked for and has drawn it: nothing is under way, and nothing moves. */
export async function still(page) {
  await rested(page);
  await settled(page);
}

/** The same, while things may still move. */
async function rested(page) {
  const { requests, open } = asked.get(page.context());
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const before = requests.length;
    await pause(STILL_MS);
    // By way of the page, so that what came is drawn however busy the machine is.
    await painted(page);
    if (open.size === 0 && requests.length === before) break;
    assert.ok(Date.now() < end, `the page never rests; open: ${[...open].map((request) => request.url()).join(' ')}`);
  }
}

/** Loads a part of the page (`pages/screens/arrange.js`) as the page does when it is first needed, so that it is there. */
export const loaded = (page, part) => page.evaluate((path) => import(new URL(path, document.querySelector('script[type=module]').src)).then(() => {}), part);

/** Does `act` and waits for what the page then says to screen readers. What it said before does not count. */
export async function says(page, act, pattern) {
  await page.evaluate(() => { document.getElementById('polite').textContent = ''; });
  await act();
  return eventually(() => page.locator('#polite').textContent(), pattern, 'what the page says');
}

/** From here on: how far things moved by themselves, and what. */
export async function shiftsFrom(page) {
  await still(page);
  const from = await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())))));
  return async () => {
    // Shifts are told behind the frame that they were in.
    await painted(page);
    await pause(100);
    const shifts = (await page.evaluate(() => window.__seen.shifts)).filter(({ at }) => at > from);
    return { shift: shifts.reduce((sum, { by }) => sum + by, 0), shifts: shifts.map(({ by, what }) => `${by.toFixed(4)} ${what}`) };
  };
}

/** The browser of this process; started with the first page. */
async function chromiumOf() {
  const executablePath = process.env.TSDB_TEST_CHROMIUM ?? BROWSERS.find(existsSync);
  assert.ok(executablePath, 'no Chromium here: apt-get install chromium, or name one by TSDB_TEST_CHROMIUM');
  browser ??= await chromium.launch({
    executablePath,
    headless: true,
    // No name but this machine's is ever looked up. Exact memory figures and a collector that can be called.
    args: ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
      '--enable-precise-memory-info', '--js-flags=--expose-gc'],
  });
  return browser;
}

/** Ends the browser. Call it in `after` of every file. */
export async function close() {
  await browser?.close();
  browser = undefined;
}

// Runs before any script of the page.
function watch() {
  window.__seen = { violations: [], shifts: [] };
  document.addEventListener('securitypolicyviolation', (e) =>
    window.__seen.violations.push(`${e.violatedDirective}: ${e.blockedURI} ${e.sourceFile ?? ''}:${e.lineNumber}`));
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const nodes = entry.sources.map((s) => `${s.node?.nodeName}.${s.node?.className ?? ''}`);
      window.__seen.shifts.push({ at: entry.startTime, by: entry.value, what: nodes.join(' ') });
    }
  }).observe({ type: 'layout-shift', buffered: true });
}

/**
 * Opens `path` in a fresh context, runs `body(page, more)` and asserts that there was no fault.
 * Options: width, height, dark, allow (patterns of faults that the test makes itself), base (another server), before
 * (called with the page before the first request), and what Playwright's contexts take.
 */
export async function visit(path, options, body) {
  if (typeof options === 'function') [options, body] = [{}, options];
  const { width = 1280, height = 800, dark = false, allow = [], base = BASE, before, ...rest } = options;
  const context = await (await chromiumOf()).newContext({
    baseURL: base, viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', timezoneId: 'UTC', locale: 'en-GB', ...rest,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const faults = [], requests = [];
  const open = new Set();
  asked.set(context, { requests, open });
  const fault = (text) => { if (!allow.some((pattern) => pattern.test(text))) faults.push(text); };
  context.on('request', (request) => {
    // What an older document asked for is void.
    if (request.isNavigationRequest()) open.clear();
    open.add(request);
    const url = new URL(request.url());
    requests.push({ path: url.pathname + url.search, method: request.method(), type: request.resourceType() });
    if (!['data:', 'blob:'].includes(url.protocol) && url.origin !== new URL(base).origin) fault(`asked another host: ${request.url()}`);
  });
  for (const ended of ['requestfinished', 'requestfailed']) context.on(ended, (request) => open.delete(request));
  context.on('console', (message) => {
    if (message.type() === 'error') fault(`console: ${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => fault(`uncaught: ${error.error().stack ?? error.error()}`));
  context.on('dialog', (dialog) => { fault(`dialog: ${dialog.message()}`); dialog.dismiss().catch(() => {}); });
  await context.addInitScript(watch);
  const page = await context.newPage();
  page.setDefaultNavigationTimeout(PATIENCE_MS);
  try {
    await before?.(page, context);
    await page.goto(path);
    await body(page, { context, requests, faults });
    for (const one of context.pages()) {
      const violations = await one.evaluate(() => window.__seen?.violations ?? []).catch(() => []);
      violations.forEach((violation) => fault(`policy: ${violation}`));
    }
    assert.equal(await page.evaluate(() => window.__xss), undefined, 'markup from a name or text was run');
  } catch (error) {
    if (faults.length > 0) error.message += `\nfaults of the page:\n${faults.join('\n')}`;
    throw error;
  } finally {
    await context.close();
  }
  assert.deepEqual(faults, [], 'faults of the page');
}

/** No serious or critical finding of axe in what the page shows when it is at rest. */
export async function axe(page, what = page.url()) {
  await rested(page);
  await page.evaluate(`${AXE}; 0`);
  // Things that fade in have half of their contrast while they do.
  await settled(page);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const bad = violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => {
    const places = v.nodes.slice(0, 5).map((n) => `    ${n.target.join(' ')}  ${n.html.slice(0, 160)}\n      ${n.any[0]?.message ?? ''}`);
    return `${v.id} (${v.impact}): ${v.help}\n${places.join('\n')}`;
  });
  assert.equal(bad.length, 0, `axe on ${what}:\n${bad.join('\n')}`);
}

/** Waits until nothing moves any more. */
export async function settled(page) {
  await page.evaluate(() => Promise.all(document.getAnimations()
    .filter((a) => a.effect?.getComputedTiming().iterations !== Infinity).map((a) => a.finished.catch(() => {}))));
}

/** Nothing is wider than the window. */
export async function noSidewaysScrolling(page) {
  await still(page);
  const found = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const scrolls = (e) => { for (let p = e.parentElement; p; p = p.parentElement) if (/auto|scroll|hidden|clip/.test(getComputedStyle(p).overflowX)) return true; return false; };
    const wide = [...document.body.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > width + 1 && !scrolls(e));
    return { over: document.documentElement.scrollWidth - width, wide: wide.slice(0, 5).map((e) => `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)}`) };
  });
  assert.ok(found.over <= 0, `scrolls sideways by ${found.over} px: ${found.wide.join(', ')}`);
}

/** Everything that can be pressed is at least 24 by 24 CSS pixels; links inside a sentence are left out. */
export async function largeTargets(page) {
  await still(page);
  const small = await page.evaluate(() => {
    const all = document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [role=option], [role=tab], [role=switch], [tabindex="0"]');
    const out = [];
    for (const e of all) {
      if (!e.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true })) continue;
      let box = e.getBoundingClientRect();
      if (box.width === 0 || box.height === 0 || box.right <= 0 || box.bottom <= 0) continue;
      const style = getComputedStyle(e);
      if (e.tagName === 'A' && style.display === 'inline' && e.closest('p, li, dd, td')) continue;
      // A box for a tick is as large as the label around it.
      const label = e.closest('label') ?? (e.id && document.querySelector(`label[for="${CSS.escape(e.id)}"]`));
      if (label && /checkbox|radio/.test(e.type)) box = label.getBoundingClientRect();
      if (box.width < 23.5 || box.height < 23.5) out.push(`${e.tagName}.${e.className} "${(e.textContent || e.ariaLabel || e.name || '').trim().slice(0, 30)}" ${box.width.toFixed(0)}x${box.height.toFixed(0)}`);
    }
    return out;
  });
  assert.deepEqual(small, [], 'too small to be pressed (24 px)');
}

/** Contrast of two CSS colours (rgb(...) as computed styles give them); alpha of the first is laid over the second. */
export function contrast(front, back) {
  const parse = (text) => {
    const n = (text.match(/[\d.]+(e-?\d+)?/g) ?? []).map(Number);
    const scale = text.startsWith('color(srgb') ? 255 : 1;
    return [n[0] * scale, n[1] * scale, n[2] * scale, n[3] ?? 1];
  };
  const b = parse(back), f = parse(front);
  const mixed = [0, 1, 2].map((i) => f[i] * f[3] + b[i] * (1 - f[3]));
  const light = (rgb) => {
    const [r, g, l] = rgb.map((v) => { const c = v / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * l;
  };
  const [x, y] = [light(mixed), light(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
}

/**
 * Presses Tab until the focus is back where it began (at most `most` times). Every stop must show that it has the focus:
 * an outline of 2 px or more, 3:1 against what is behind it. Returns a word for each stop.
 */
export async function tabThrough(page, most = 150) {
  await still(page);
  await page.evaluate(() => document.activeElement?.blur());
  const stops = [];
  for (let n = 0; n < most; n += 1) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body || e === document.documentElement) return null;
      e.__stop ??= `${e.tagName.toLowerCase()}${e.id ? `#${e.id}` : ''}`;
      if (e.__tabbed) return { again: true };
      e.__tabbed = true;
      // The ring may be drawn around a part of it, such as the row of a branch.
      const rings = [e, ...e.children].map((one) => getComputedStyle(one)).map((style) => ({ style: style.outlineStyle, width: parseFloat(style.outlineWidth), color: style.outlineColor }));
      let behind = 'rgb(255, 255, 255)';
      for (let p = e.parentElement; p; p = p.parentElement) {
        const back = getComputedStyle(p).backgroundColor;
        if (!/rgba\(.*, 0\)|transparent/.test(back)) { behind = back; break; }
      }
      const box = e.getBoundingClientRect();
      return { word: e.__stop, text: (e.ariaLabel ?? e.textContent ?? '').trim().slice(0, 40), rings, behind, shown: box.width > 0 && box.height > 0 };
    });
    if (stop === null) { if (stops.length > 0) break; continue; }
    if (stop.again) break;
    const seen = ({ style, width, color }) => style !== 'none' && (style === 'auto' || (width >= 2 && contrast(color, stop.behind) >= 3));
    assert.ok(stop.rings.some(seen) && stop.shown, `the focus is not to be seen on ${JSON.stringify(stop)}`);
    stops.push(`${stop.word} ${stop.text}`);
  }
  return stops;
}

/** Bytes of the page's heap after a collection. */
export async function heapBytes(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.enable');
  for (let n = 0; n < 3; n += 1) await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return usedSize;
}

/** JSON of the server under test. */
export async function json(path, options) {
  const answer = await fetch(BASE + path, options);
  const text = await answer.text();
  assert.ok(answer.ok, `${path}: ${answer.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

/** Sends a JSON body to the server under test. */
export const send = (path, body, method = 'POST') =>
  json(path, { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
