// Screens without a browser: expressions, variables, names of series, files.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exported, fileName, imported } from '../../src/ui/pages/screens/exchange.js';
import { compile } from '../../src/ui/pages/screens/expression.js';
import { Queue, load, sized } from '../../src/ui/pages/screens/load.js';
import { aliasOf, asked, fillIn, hasLower, levelOf, nameSeries, panelOf, reduce, screenOf, stored, valuesOf } from '../../src/ui/pages/screens/model.js';
import { sums } from '../../src/ui/pages/screens/sum.js';
import { Params } from '../../src/ui/lib/fragment.js';

test('expressions', () => {
  const scope = { v: 5, t: 100, letter: (name) => ({ A: 8, B: 2 }[name] ?? NaN) };
  const gives = (text, want) => assert.equal(compile(text).run(scope), want, text);
  gives('v * 100', 500);
  gives('-v^2', -25);
  gives('2^3^2', 512);
  gives('1-2-3', -4);
  gives('8/2/2', 2);
  gives('2 + 3 * 4 % 5', 4);
  gives('A / (A + B)', 0.8);
  gives('- -v', 5);
  gives('clamp(v, 0, 1)', 1);
  gives('if(v > 4, 10, 20)', 10);
  gives('min(v, A, B) + max(v, A, B)', 10);
  gives('log10(100) + round(2.5) + abs(-1)', 6);
  gives('.5 + 1e3', 1000.5);
  gives('t', 100);
  // No number is a gap: never an infinity, never a wrong 0.
  for (const gap of ['v / 0', 'C', 'if(C, 1, 2)', 'C > 1', 'ln(-1)', '1e308 * 10', '0 / 0']) gives(gap, null);
  const refused = (text, words) => assert.match(compile(text).error ?? 'taken', words, text);
  for (const name of ['constructor', 'window', '__proto__', 'a', 'U', 'vv']) refused(name, /is nothing here/);
  for (const call of ['constructor(1)', 'eval(1)', 'toString(1)', 'hasOwnProperty(1)']) refused(call, /there is no function/);
  for (const code of ['v; v', 'v[0]', 'v.x', 'v = 1', '"v"', 'v => v', '`v`']) refused(code, /not understood|one too many/);
  refused('', /empty/);
  refused('v +', /ends too early/);
  refused('(v', /"\)" is missing/);
  refused('v v', /one too many/);
  refused('clamp(v)', /takes 3/);
  refused('('.repeat(100) + 'v' + ')'.repeat(100), /levels/);
  refused('v+'.repeat(300) + 'v', /longer than/);
  assert.deepEqual(compile('B + A / B').letters, ['A', 'B']);
});

test('variables stand for values and filter', () => {
  const screen = screenOf({ name: 'n', variables: [{ tag: 'host', value: 'web01' }, { tag: 'dc', value: '' }, { tag: 'only', value: 'x', everywhere: false }], panels: [] });
  const values = valuesOf(screen, new Params([]));
  assert.deepEqual([...values], [['host', 'web01'], ['dc', ''], ['only', 'x']]);
  assert.equal(valuesOf(screen, new Params([['v.host', 'a|b'], ['v.rack', 'r1']])).get('rack'), 'r1');
  assert.equal(fillIn('$host in ${dc}, $hostname $none ${host}s', values), 'web01 in all, $hostname $none web01s');
  assert.equal(fillIn('$host-a.$dc', values, '*'), 'web01-a.*');
  const becomes = (m, want) => assert.equal(asked(m, screen, values), want);
  becomes('sum:sys.cpu{host=*}', 'sum:sys.cpu{host=web01}');
  becomes('sum:1m-avg:rate:sys.cpu{type=*}', 'sum:1m-avg:rate:sys.cpu{type=*}{host=web01}');
  becomes('sum:sys.cpu', 'sum:sys.cpu{}{host=web01}');
  becomes('sum:sys.cpu{type=$only}', 'sum:sys.cpu{type=x}{host=web01}');
  becomes('sum:sys.cpu{a=*}{host=db*}', 'sum:sys.cpu{a=*}{host=web01}');
  becomes('this is none', 'this is none');
  assert.equal(asked('sum:x', screen, valuesOf(screen, new Params([['v.host', '*']]))), 'sum:x');
});

test('names of series', () => {
  const series = (host, type, query = 0) => ({ metric: 'sys.cpu', aggregator: 'sum', tags: { host, type }, query });
  const named = (all, ...queries) => nameSeries(all, panelOf({ queries: queries.length ? queries : [{ m: 'a' }] }), new Map([['dc', 'x']]));
  assert.deepEqual(named([series('a', 'user'), series('b', 'user')]), ['a', 'b']);
  assert.deepEqual(named([series('a', 'user'), series('b', 'sys')]), ['a user', 'b sys']);
  assert.deepEqual(named([series('a', 'user')]), ['sys.cpu']);
  // What a query is split by names its lines, if that is enough.
  assert.deepEqual(named([series('a', 'user'), series(undefined, 'sys')], { m: 'sum:sys.cpu{type=*}' }), ['user', 'sys']);
  assert.deepEqual(named([series('a', 'user'), series('b', 'user')], { m: 'none:sys.cpu{type=*}' }), ['a', 'b']);
  assert.deepEqual(named([series('a', 'user'), series('b', 'sys')], { m: 'sum:sys.cpu{type=*,host=*}' }), ['user a', 'sys b']);
  assert.deepEqual(named([series('a', 'u'), series('a', 'u', 1)], { m: 'a' }, { m: 'b' }), ['sys.cpu (A)', 'sys.cpu (B)']);
  assert.deepEqual(named([series('a', 'user')], { m: 'a', alias: '%(tags.host)s $dc %(metric)s %(aggregator)s %(nothing)s%(tags.no)s' }), ['a x sys.cpu sum %(nothing)s']);
  assert.equal(aliasOf('<b>%(tags.host)s', series('<img>', 'u'), new Map()), '<b><img>'); // text, and never more
});

test('numbers and thresholds', () => {
  const values = [null, 4, 1, undefined, 3, null];
  assert.deepEqual(['last', 'avg', 'min', 'max', 'sum'].map((by) => reduce(values, by)), [3, 8 / 3, 1, 4, 8]);
  assert.equal(reduce([null], 'last'), null);
  const list = [{ level: 'warn', from: 10, to: null }, { level: 'bad', from: 20 }, { level: 'good', from: null, to: 5 }, { level: 'bad', from: null, to: null }];
  assert.deepEqual([4, 7, 10, 20, null].map((v) => levelOf(v, list)?.level ?? null), ['good', null, 'warn', 'bad', null]);
});

test('two panes', () => {
  const panel = (...panes) => panelOf({ queries: panes.map((pane) => ({ m: 'sum:x', ...pane })) });
  assert.equal(hasLower(panel({}, {})), false);
  assert.equal(hasLower(panel({}, { pane: 'lower' })), true);
  // One plot is enough for what is all in one pane, and for what has no time axis.
  assert.equal(hasLower(panel({ pane: 'lower' }, { pane: 'lower' })), false);
  assert.equal(hasLower(panel({ hidden: true }, { pane: 'lower' })), false);
  assert.equal(hasLower({ ...panel({}, { pane: 'lower' }), kind: 'pie' }), false);
});

test('sums', () => {
  const series = (times, values, more = {}) => ({ times, values, pane: 'upper', axis: 'left', earlier: 0, annotations: [], ...more });
  const summed = (...all) => sums(all).map(({ name, times, values }) => [name, times.map((time, at) => `${time}:${values[at]}`).join(' ')]);
  assert.deepEqual(summed(series([1, 2, 3], [1, 2, 3]), series([1, 2, 3], [10, 20, 30])), [['Sum', '1:11 2:22 3:33']]);
  // Between two points a series counts with the value on the line between them; before its first and after its last not at all.
  assert.deepEqual(summed(series([1, 3], [1, 3]), series([2, 4], [10, 20])), [['Sum', '1:1 2:12 3:18 4:20']]);
  // A value that is not there is none, and no zero.
  assert.deepEqual(summed(series([1, 2, 3], [1, null, 3]), series([1, 2, 3], [10, null, 30])), [['Sum', '1:11 2:null 3:33']]);
  // Where points are missing the others are summed up.
  const minutes = Array.from({ length: 20 }, (_, n) => n + 1);
  assert.deepEqual(summed(series([...minutes, 50], Array(21).fill(1)), series([1, 30, 50], [1, 1, 1])), [['Sum', [...minutes.map((n) => `${n}:2`), '30:1', '50:2'].join(' ')]]);
  // Other numbers do not add up: each axis, pane and time has a sum of its own.
  assert.deepEqual(summed(series([1], [1]), series([1], [2], { pane: 'lower' }), series([1], [4], { axis: 'right' }), series([1], [8])),
    [['Sum, upper pane, left axis', '1:9'], ['Sum, lower pane, left axis', '1:2'], ['Sum, upper pane, right axis', '1:4']]);
  assert.deepEqual(summed(series([1], [1]), series([1], [2], { pane: 'lower', axis: 'right' })).map(([name]) => name), ['Sum, upper pane', 'Sum, lower pane']);
  assert.deepEqual(summed(series([1], [1]), series([1], [2], { axis: 'right' })).map(([name]) => name), ['Sum, left axis', 'Sum, right axis']);
  assert.deepEqual(summed(series([1], [1]), series([1], [2], { earlier: 7 })), [['Sum', '1:1'], ['Sum', '1:2']]);
});

test('only what is not usual is stored', () => {
  const screen = screenOf({ id: 'a', version: 3, updated: 7, name: 'n', panels: [{ kind: 'line', queries: [{ m: 'sum:x' }], left: { unit: '', min: null } }] });
  assert.deepEqual(stored(screen), { name: 'n', columns: 2, panels: [{ kind: 'line', queries: [{ m: 'sum:x' }] }] });
  assert.deepEqual(stored(screenOf(stored(screen))), stored(screen));
});

test('files come back as they went', () => {
  const screen = screenOf({ name: 'Web / 1 <b>', folder: 'f', variables: [{ tag: 'host', value: 'a' }], panels: [{ kind: 'top', limit: 3, queries: [{ m: 'sum:x', expression: 'v*2' }] }, {
    kind: 'line', sum: 'with', lower: { unit: 'B' }, queries: [{ m: 'sum:x' }, { m: 'sum:y', pane: 'lower' }], thresholds: [{ level: 'bad', from: 1, to: null, pane: 'lower' }] }] });
  const { screens: [back], notes } = imported(exported(screen));
  assert.deepEqual([stored(back), notes], [stored(screen), []]);
  assert.equal(fileName(screen), 'Web-1-b.json');
  // What is foreign or broken in whatever place is told, and never thrown.
  for (const [panels, words] of [['[null]', /A panel is no object/], ['[7]', /no object/], ['[{"kind":"gauge"}]', /"kind"/], ['[{"queries":{}}]', /"queries" of a panel is not a list/], ['[{"queries":["sum:x"]}]', /A query is no object/], ['[{"queries":[{"m":3}]}]', /"m" of a query is not a text/], ['[{"left":"a"}]', /"left"/], ['[{"thresholds":3}]', /"thresholds"/]]) assert.match(imported(`{"panels":${panels}}`).error ?? 'taken', words, panels);
  for (const more of ['"variables":{}', '"range":[]', '"variables":null']) assert.match(imported(`{"panels":[],${more}}`).error ?? 'taken', /of a screen is not/, more);
  assert.match(imported('[{"panels":[]},{"panels":[null]}]').error, /^Number 2 of this file/);
  assert.match(imported('{"layout":[[{"graphs":[{"series":[null]}]}]]}').error ?? 'taken', /no screen|taken/);
  for (const [text, words] of [['{', /no JSON/], ['3', /no screen/], ['{}', /neither/], ['[]', /no screen/], ['null', /no screen/]]) assert.match(imported(text).error, words);
});

test('a page of Metrilyx', () => {
  const graph = (name, more) => ({ name, graphType: 'line', size: 'small', thresholds: { danger: { max: 9999999999999999, min: 80 }, info: '' }, series: [{ alias: 'load', yTransform: '', query: { aggregator: 'sum', metric: 'proc.loadavg.1min', rate: false, tags: { host: '*' } } }], ...more });
  const pie = graph('Share', { graphType: 'pie', thresholds: { warning: 5 }, series: [{ alias: '!function(a){}', yTransform: 'v/2', query: { aggregator: 'avg', metric: 'a', rate: true, tags: {} } }] });
  const page = { _id: 'o', name: 'Overview', layout: [[[{ name: 'pod', graphs: [graph('Load'), pie] }]], [[{ graphs: [graph('Two', { multiPane: true, series: [0, 1].map((paneIndex) => ({ paneIndex, query: { metric: 'a' } })) })] }], [{ graphs: [] }]]] };
  const { screens: [screen], notes } = imported(JSON.stringify(page));
  assert.deepEqual(screen.panels.map(({ title, kind }) => [title, kind]), [['Load', 'line'], ['Share', 'pie'], ['Two', 'line']]);
  assert.deepEqual(screen.panels[0].queries[0], { m: 'sum:proc.loadavg.1min{host=*}', alias: 'load', expression: '', axis: 'left', pane: 'upper', hidden: false });
  assert.deepEqual(screen.panels[0].thresholds, [{ from: 80, to: null, level: 'bad' }]);
  assert.deepEqual(screen.panels[1].queries[0].m, 'avg:rate:a');
  assert.equal(screen.panels[1].queries[0].alias, '');
  assert.deepEqual(screen.panels[2].queries.map(({ pane }) => pane), ['upper', 'lower']);
  assert.deepEqual(notes, ['Share: a script in an alias or transform was left out.']);
});

test('a panel asks once for equal queries, and each query fails by itself', async () => {
  const calls = [];
  const api = { get: async (path, params) => {
    const m = params.find(([name]) => name === 'm')[1];
    calls.push(m);
    if (m.includes('bad')) throw Object.assign(new Error('No such name'), { kind: 'http', status: 400 });
    return [{ metric: 'x', tags: { host: 'a' }, aggregateTags: [], dps: [[1000, 10], [2000, 'NaN'], [3000, 30]] }];
  } };
  const { Round } = await import('../../src/ui/pages/screens/load.js');
  const round = new Round(api, new Queue(), { from: 0, to: 3_600_000 });
  const screen = screenOf({ name: 'n', panels: [] });
  const panel = panelOf({ queries: [{ m: 'sum:1s-avg:x{host=*}', hidden: true }, { m: 'sum:1s-avg:x{host=*}', expression: 'v / A * 7' }, { m: 'sum:1s-avg:bad' }] });
  const got = await load(round, panel, screen, new Map(), { from: 0, to: 3_600_000, width: 500 });
  assert.deepEqual(calls, ['sum:1s-avg:x{host=*}', 'sum:1s-avg:bad']);
  assert.deepEqual(got.series.map(({ values, query }) => [values, query]), [[[7, null, 7], 1]]);
  assert.deepEqual(got.problems.map(({ at, message }) => [at, message]), [[2, 'No such name']]);
});

test('few requests run at a time, and those given up never start', async () => {
  const queue = new Queue(2);
  let [running, most, started] = [0, 0, 0];
  const task = async () => { started++; most = Math.max(most, ++running); await new Promise((done) => setTimeout(done, 5)); running--; };
  const stop = new AbortController();
  const all = [...Array(5)].map(() => queue.run(task)).concat(queue.run(task, stop.signal).catch((error) => error.kind));
  stop.abort();
  assert.equal((await Promise.all(all)).at(-1), 'aborted');
  assert.deepEqual([most, started], [2, 5]);
});

test('no more points than pixels are asked for', () => {
  const hour = 3_600_000;
  assert.equal(sized('max:x', 24 * hour, 720), 'max:2m-max:x');
  assert.equal(sized('sum:5m-avg:x', 24 * hour, 720), 'sum:5m-avg:x');
  assert.equal(sized('sum:x', 60_000, 720), 'sum:x');
  assert.equal(sized('nothing', hour, 720), 'nothing');
});
