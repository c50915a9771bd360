import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History, extent, hitRate, sparkline } from '../../src/ui/lib/rates.js';

const values = (points) => points.map((point) => point.value);

test('a rate is what a counter grew in a second', () => {
  const history = new History({ every: 2000 });
  history.add(0, { n: 10 });
  history.add(2000, { n: 30 });
  history.add(4500, { n: 80 });
  assert.deepEqual(values(history.rates('n')), [10, 20]);
  assert.deepEqual(values(history.levels('n')), [10, 30, 80]);
  assert.equal(history.age, 4500);
});

test('nothing is made up over a pause, a restart or a smaller counter', () => {
  const history = new History({ every: 2000 });
  history.add(0, { n: 10 }, 'first');
  history.add(60_000, { n: 1000 }, 'first'); // the tab was hidden
  history.add(62_000, { n: 1020 }, 'first');
  history.add(64_000, { n: 2000 }, 'second'); // another process
  history.add(66_000, { n: 4 }, 'second');
  assert.deepEqual(values(history.rates('n')), [null, 10, null, null]);
  assert.deepEqual(values(history.levels('n')), [10, null, 1000, 1020, 2000, 4]);
});

test('old samples go, and all of them when the clock is set back', () => {
  const history = new History({ span: 10_000, every: 2000 });
  for (let at = 0; at <= 30_000; at += 2000) history.add(at, { n: at });
  assert.equal(history.samples.length, 6);
  history.add(5000, { n: 1 });
  assert.equal(history.samples.length, 1);
});

test('a sparkline has its newest point at the right edge and gaps where nothing is known', () => {
  const points = [{ at: 0, value: 0 }, { at: 1000, value: 10 }, { at: 2000, value: null }, { at: 3000, value: 5 }];
  assert.equal(sparkline(points, { width: 100, height: 12, span: 4000 }), 'M25.0 11.0L50.0 1.0M100.0 6.0h1');
  assert.equal(sparkline([], { width: 100, height: 12, span: 4000 }), '');
  assert.equal(sparkline([{ at: 5, value: 0 }], { width: 100, height: 12, span: 4000 }), 'M100.0 11.0h1');
});

test('extents and hit rates', () => {
  assert.deepEqual(extent([{ value: 3 }, { value: null }, { value: -1 }]), { min: -1, max: 3, last: -1 });
  assert.deepEqual(extent([]), { min: null, max: null, last: null });
  assert.equal(hitRate(0, 0), null);
  assert.equal(hitRate(9999, 1), 99.9);
});
