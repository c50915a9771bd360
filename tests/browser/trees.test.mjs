// Trees on the page Explore: a real tree, made by the API before these tests, that the server sorts new series into.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, close, eventually, json, noSidewaysScrolling, send, still, visit } from './helper.mjs';

after(close);

const MARKUP = '<i>db1</i>';
let treeId;

before(async () => {
  [{ treeId }] = await json('/api/tree');
  const now = Math.floor(Date.now() / 1000);
  const series = [['tree.cpu.user', 'web01'], ['tree.cpu.idle', 'web01'], ['tree.mem', 'web01'], ['tree.mem', MARKUP]];
  await send('/api/put', series.flatMap(([metric, host]) => Array.from({ length: 30 }, (_, n) => ({ metric, timestamp: now - 60 * n, value: n % 7, tags: { host } }))));
  // Series go into trees behind their points.
  const below = async (what) => {
    const { branches, leaves } = await json(`/api/tree/branch?${what}`);
    return [...(leaves ?? []), ...(await Promise.all((branches ?? []).map(({ branchId }) => below(`branch=${branchId}`)))).flat()];
  };
  const sorted = async () => (await below(`treeid=${treeId}`)).map(({ metric, tags }) => [metric, tags.host]).filter(([metric]) => metric.startsWith('tree.')).sort();
  await eventually(sorted, [...series].sort(), 'the series of the tree');
});

const hashHas = (page, text) => page.waitForFunction((part) => decodeURIComponent(location.hash).includes(part), text);
const branch = (page, name) => page.getByRole('treeitem', { name, exact: true });

test('a tree is walked by keys down to its series, which are drawn and lead to the graph', async () => {
  await visit('/#/explore?tab=trees', async (page) => {
    await page.getByText('hosts, then metrics').waitFor();
    await branch(page, 'web01').focus();
    await page.keyboard.press('ArrowRight');
    await branch(page, 'tree').waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    await branch(page, 'cpu').focus();
    await page.keyboard.press('Enter');
    await page.getByText('2 series').waitFor();
    const { leaves } = await json(`/api/tree/branch?branch=${await page.evaluate(() => /branch=([0-9A-F]+)/i.exec(location.hash)[1])}`);
    assert.deepEqual(leaves.map(({ metric }) => metric).sort(), ['tree.cpu.idle', 'tree.cpu.user']);
    await page.locator('.explore-list .picture canvas').first().waitFor();
    for (const { displayName, tsuid } of leaves) {
      await eventually(async () => decodeURIComponent(await page.getByRole('link', { name: displayName, exact: true }).getAttribute('href')), new RegExp(`tsuid=sum:${tsuid}`));
    }
    await axe(page);
    // The path leads up again, step by step.
    await page.getByRole('navigation', { name: 'Path' }).getByRole('button', { name: 'web01' }).click();
    await page.getByText('1 branch').waitFor();
    await page.getByRole('navigation', { name: 'Path' }).getByRole('button', { name: 'ROOT' }).click();
    await page.getByText(/^\d+ branches/).waitFor();
    await eventually(() => page.evaluate(() => location.hash), (now) => !now.includes('branch='));
    // A reload leaves open what is open, and the focus.
    await branch(page, 'cpu').focus();
    const again = page.waitForResponse(/api\/tree\/branch\?branch=/);
    await page.keyboard.press('r');
    await again;
    await still(page);
    await branch(page, 'cpu').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'cpu');
  });
});

test('a series is tried: where the rules put it, and why; a branch that is not there leads to the top', async () => {
  const { series: [{ tsuid }] } = await json('/api/ui/series?metric=tree.cpu.user');
  await visit(`/#/explore?tab=trees&tree=${treeId}&branch=0001FFFFFFFF`, { allow: [/404|400/] }, async (page) => {
    await page.getByRole('heading', { name: 'This branch is not here' }).waitFor();
    await page.getByRole('button', { name: 'To the top of the tree' }).click();
    await page.getByText(/^\d+ branches/).waitFor();
    await page.getByText('Try a series').click();
    await page.getByLabel('TSUID of a series').fill(tsuid.toLowerCase());
    await page.keyboard.press('Enter');
    await page.getByText('tree.cpu.user {host=web01}').waitFor();
    await page.getByText('ROOT › web01 › tree › cpu › user').waitFor();
    await page.locator('.explore-trial li').nth(1).waitFor();
    await axe(page);
    await page.getByLabel('TSUID of a series').fill('no');
    await page.keyboard.press('Enter');
    await page.locator('.explore-by-tags .bad, .explore-by-tags .warn').waitFor();
  });
});

test('a branch opens by its address; markup in its name is text', async () => {
  const { branches } = await json(`/api/tree/branch?treeid=${treeId}`);
  const { branchId } = branches.find(({ displayName }) => displayName === MARKUP);
  await visit(`/#/explore?tab=trees&tree=${treeId}&branch=${branchId}`, { dark: true }, async (page) => {
    await page.getByRole('heading', { name: MARKUP }).waitFor();
    await page.getByRole('button', { name: 'tree', exact: true }).click();
    await page.getByRole('link', { name: 'mem', exact: true }).waitFor();
    await hashHas(page, 'branch=');
    await axe(page);
  });
  await visit(`/#/explore?tab=trees&tree=${treeId}&branch=${branchId}`, { width: 320, height: 640 }, async (page) => {
    await page.getByRole('heading', { name: MARKUP }).waitFor();
    await noSidewaysScrolling(page);
  });
});
