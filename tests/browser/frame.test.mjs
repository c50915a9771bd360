// The frame around all pages: it loads without a fault.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { close, visit } from './helper.mjs';

after(close);

test('the home page loads without a fault and has a title', async () => {
  await visit('/', { allow: [/opentsdb_header|favicon|Content Security Policy|script-src-elem: inline/] }, async (page) => {
    await page.waitForFunction(() => document.querySelector('h1'));
    assert.notEqual(await page.title(), '');
  });
});
