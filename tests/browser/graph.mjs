// What tests of the Graph page share: waiting for a picture, and what it shows.

/** Waits for the picture of the Graph page: how many lines it says it drew, and what it said. */
export async function charted(page) {
  const said = await page.waitForFunction(() => {
    const text = document.getElementById('polite').textContent;
    return /(series|ranges?) drawn|no points|No points/.test(text) ? text : null;
  });
  const text = await said.jsonValue();
  return { said: text, lines: Number(/([\d\u202f]+) series drawn/.exec(text)?.[1]?.replaceAll('\u202f', '') ?? 0) };
}

/** The requests to /api/query, as addresses. */
export const queriesOf = (requests) => requests.filter(({ path }) => path.startsWith('/api/query?')).map(({ path }) => new URL(path, 'http://tsd'));

/** Whether the picture has an axis at its right. */
export const rightAxis = (page) => page.evaluate(() => document.querySelectorAll('[aria-roledescription=chart] .u-axis').length > 2);

/** The picture's box. */
export const chartOf = (page) => page.locator('[aria-roledescription=chart]').first();
