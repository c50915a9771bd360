// What pies, the pages Anomalies and Alerts compute before they draw.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { badTimes } from '../../src/ui/pages/alerts/bad-times.js';
import { episodes, keyOf, ranked, seriesOf } from '../../src/ui/pages/anomalies/episodes.js';
import { printer } from '../../src/ui/pages/screens/kinds.js';
import { arc, percent, shares } from '../../src/ui/pages/screens/pie.js';

test('shares of a whole', () => {
  const rows = (...values) => values.map((value, at) => ({ name: `n${at}`, value }));
  const told = (values, limit) => { const { parts, rest, total, below } = shares(rows(...values), limit); return [parts.map(({ name, share }) => `${name} ${share}`), rest, total, below]; };
  assert.deepEqual(told([1, 3], 10), [['n1 0.75', 'n0 0.25'], null, 4, 0]);
  assert.deepEqual(told([5, 3, 1, 1], 2), [['n0 0.5', 'n1 0.3'], { value: 2, share: 0.2, count: 2 }, 10, 0]);
  assert.deepEqual(told([-2, 8, -1], 10), [['n1 1'], null, 8, 2]);
  assert.deepEqual(told([0, 0], 10), [['n0 0', 'n1 0'], null, 0, 0]);
  assert.deepEqual(told([], 10), [[], null, 0, 0]);
  for (const [share, text] of [[0, '0 %'], [1, '100 %'], [0.5, '50 %'], [0.3333, '33.3 %'], [0.0004, '<0.1 %'], [0.9996, '>99.9 %'], [0.001, '0.1 %']]) assert.equal(percent(share), text);
  assert.equal(arc(0, 1), arc(0, 0.5) + arc(0.5, 1));
  assert.match(arc(0, 0.25), /^M100\.00 2\.00A98 98 0 0 1 198\.00 100\.00L158\.00 100\.00A58 58 0 0 0 100\.00 42\.00Z$/);
});

test('numbers with units', () => {
  const check = (unit, number, text, decimals = null) => assert.equal(printer({ left: { unit }, decimals })(number), text);
  check('', 8e10, '80G');
  check('B', 8e10, '80 GB');
  check('B/s', -1500, '−1.5 kB/s');
  check('s', 0.0005, '500 µs');
  check('s', 12, '12 s');
  check('%', 1500, '1.5k %');
  check('B', 1536, '1536.0 B', 1);
  check('B', null, '–');
});

test('when which series was anomalous', () => {
  const event = (incident, change, at, start, host) => ({ incident, change, at, start, metric: 'm', tags: { metric: 'm', host } });
  const row = { metric: 'm', tags: { host: 'b' }, since: 50 };
  // The newest first, as the server tells them.
  const list = episodes([event('3', 'opened', 50, 50, 'b'), event('2', 'closed', 45, 30, 'a'), event('2', 'normal', 40, 30, 'a'), event('2', 'opened', 30, 30, 'a'), event('1', 'opened', 5, 5, 'gone')], [row], 60_000);
  const told = list.map(({ series, from, to, now }) => [series.tags.host, from, to, now !== null]);
  assert.deepEqual(told, [['a', 30_000, 40_000, false], ['gone', 5_000, 5_000, false], ['b', 50_000, 60_000, true]]);
  assert.deepEqual(ranked(list, 35_000, 58_000).map(({ series, ms, now }) => [series.tags.host, ms, now === row]), [['b', 8_000, true], ['a', 5_000, false]]);
  assert.deepEqual(ranked(list, 41_000, 49_000), []);
  // A metric that stands among the tags is no tag; one of another value is.
  assert.equal(seriesOf(event('1', 'opened', 1, 1, 'a')), 'm{host=a}');
  assert.equal(keyOf({ metric: 'm', tags: { b: '1', a: '2' } }), keyOf({ metric: 'm', tags: { a: '2', b: '1', metric: 'm' } }));
  assert.notEqual(keyOf({ metric: 'm', tags: { metric: 'x' } }), keyOf({ metric: 'm', tags: {} }));
});

test('when a rule would have been broken', () => {
  const line = (at, what, name, level) => ({ at, what, name, level });
  assert.deepEqual(badTimes([line(10, 'opened', 'a', 'warning'), line(10, 'notice', 'a', 'warning'), line(20, 'worse', 'a', 'critical'), line(25, 'opened', 'b', 'critical'), line(30, 'normal', 'a', 'normal'), line(40, 'closed', 'a', 'normal')], 50), [
    { name: 'a', from: 10_000, level: 'warning', to: 20_000 }, { name: 'a', from: 20_000, level: 'critical', to: 30_000 }, { name: 'b', from: 25_000, level: 'critical', to: 50_000 },
  ]);
  assert.deepEqual(badTimes([], 50), []);
});
