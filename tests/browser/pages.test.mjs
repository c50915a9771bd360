// Explore and Screens: filled and empty, light and dark, by keyboard, narrow. What they do in detail their own suites show.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { axe, close, largeTargets, noSidewaysScrolling, still, tabThrough, visit } from './helper.mjs';

after(close);

const settle = async (page) => {
  await page.waitForFunction(() => document.querySelector('#page')?.textContent.trim());
  await still(page);
};

const PAGES = ['/#/explore', '/#/explore?metric=sys.cpu', '/#/explore?q=cpu', '/#/screens'];

for (const path of PAGES) {
  test(`${path}: axe, sizes of targets, both themes`, async () => {
    for (const dark of [false, true]) {
      await visit(path, { dark }, async (page) => {
        await settle(page);
        await axe(page, `${path} ${dark ? 'dark' : 'light'}`);
        await largeTargets(page);
      });
    }
  });

  test(`${path}: the focus can be seen at every Tab`, async () => {
    await visit(path, async (page) => {
      await settle(page);
      assert.ok((await tabThrough(page, 120)).length > 5);
    });
  });

  test(`${path}: fits 320 pixels and a zoom of 200 %`, async () => {
    for (const options of [{ width: 320, height: 640 }, { width: 640, height: 400, deviceScaleFactor: 2 }]) {
      await visit(path, options, async (page) => {
        await settle(page);
        await noSidewaysScrolling(page);
        await largeTargets(page);
      });
    }
  });
}
