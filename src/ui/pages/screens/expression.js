/**
 * Arithmetic over values: `v * 100`, `A / (A + B)`, `clamp(v, 0, 1)`. A grammar of its own, read into closures: no text is
 * ever run as a script.
 *
 * | what | means |
 * | --- | --- |
 * | `v`, `t` | the value, and its time in seconds |
 * | `A` … `T` | the value of the first, second … query at that time |
 * | `+ - * / % ^`, `< <= > >= == !=` | as in C, `^` is a power; comparisons give 1 or 0 |
 * | `abs sqrt exp ln log10 log2 floor ceil round sign` | of one number |
 * | `min max` | of one or more; `clamp(x, low, high)`, `if(condition, then, else)` |
 */

/** Longest text, and how deep parentheses may go. */
export const LENGTH_MAX = 500;
const DEPTH_MAX = 40;

const ONE = {
  abs: Math.abs, sqrt: Math.sqrt, exp: Math.exp, ln: Math.log, log10: Math.log10, log2: Math.log2, floor: Math.floor, ceil: Math.ceil,
  round: Math.round, sign: Math.sign,
};
const MANY = {
  min: [1, 20, (values) => Math.min(...values)],
  max: [1, 20, (values) => Math.max(...values)],
  clamp: [3, 3, ([x, low, high]) => Math.min(Math.max(x, low), high)],
  if: [3, 3, ([test, then, otherwise]) => (Number.isNaN(test) ? NaN : test !== 0 ? then : otherwise)],
};
const CONSTANTS = { pi: Math.PI, e: Math.E };
const COMPARE = {
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b, "==": (a, b) => a === b, "!=": (a, b) => a !== b,
};

class Wrong extends Error {}

function tokens(text) {
  const out = [];
  const pattern = /\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|(<=|>=|==|!=|[-+*/%^<>(),]))/y;
  while (pattern.lastIndex < text.length) {
    const from = pattern.lastIndex;
    const found = pattern.exec(text);
    if (!found) {
      const rest = text.slice(from).trim();
      if (rest === "") break;
      throw new Wrong(`"${rest.slice(0, 20)}" is not understood`);
    }
    const [, number, name, mark] = found;
    out.push(number !== undefined ? { number: Number(number) } : name !== undefined ? { name } : { mark });
  }
  return out;
}

class Parser {
  constructor(text) {
    this.list = tokens(text);
    this.at = 0;
    this.depth = 0;
    this.letters = new Set();
  }
  get mark() { return this.list[this.at]?.mark; }
  take(...marks) {
    const found = this.mark;
    if (found === undefined || !marks.includes(found)) return null;
    this.at++;
    return found;
  }
  need(mark) {
    if (!this.take(mark)) throw new Wrong(`a "${mark}" is missing`);
  }
  all() {
    const run = this.comparison();
    const rest = this.list[this.at];
    if (rest) throw new Wrong(`"${rest.name ?? rest.mark ?? rest.number}" is one too many`);
    return run;
  }
  deeper(read) {
    if (++this.depth > DEPTH_MAX) throw new Wrong(`more than ${DEPTH_MAX} levels`);
    const run = read();
    this.depth--;
    return run;
  }
  comparison() {
    return this.deeper(() => {
      const left = this.sum();
      const mark = this.take(...Object.keys(COMPARE));
      if (!mark) return left;
      const [right, test] = [this.sum(), COMPARE[mark]];
      return (scope) => {
        const [a, b] = [left(scope), right(scope)];
        return Number.isNaN(a) || Number.isNaN(b) ? NaN : Number(test(a, b));
      };
    });
  }
  sum() {
    let left = this.product();
    for (let mark = this.take("+", "-"); mark; mark = this.take("+", "-")) {
      const [a, b] = [left, this.product()];
      left = mark === "+" ? (scope) => a(scope) + b(scope) : (scope) => a(scope) - b(scope);
    }
    return left;
  }
  product() {
    let left = this.unary();
    for (let mark = this.take("*", "/", "%"); mark; mark = this.take("*", "/", "%")) {
      const [a, b] = [left, this.unary()];
      // Nothing can be divided by nothing: a gap, as everywhere where there is no number.
      if (mark === "*") left = (scope) => a(scope) * b(scope);
      else if (mark === "/") left = (scope) => { const under = b(scope); return under === 0 ? NaN : a(scope) / under; };
      else left = (scope) => a(scope) % b(scope);
    }
    return left;
  }
  unary() {
    return this.deeper(() => {
      if (this.take("-")) {
        const inner = this.unary();
        return (scope) => -inner(scope);
      }
      this.take("+");
      return this.power();
    });
  }
  power() {
    const base = this.atom();
    if (!this.take("^")) return base;
    const exponent = this.unary();
    return (scope) => base(scope) ** exponent(scope);
  }
  atom() {
    const token = this.list[this.at++];
    if (!token) throw new Wrong("it ends too early");
    if (token.number !== undefined) return () => token.number;
    if (token.mark === "(") {
      const inner = this.comparison();
      this.need(")");
      return inner;
    }
    if (token.name === undefined) throw new Wrong(`"${token.mark}" has nothing to its left`);
    return this.named(token.name);
  }
  named(name) {
    if (this.mark === "(") return this.call(name);
    if (name === "v") return (scope) => scope.v;
    if (name === "t") return (scope) => scope.t;
    if (/^[A-T]$/.test(name)) {
      this.letters.add(name);
      return (scope) => scope.letter(name);
    }
    if (Object.hasOwn(CONSTANTS, name)) return () => CONSTANTS[name];
    throw new Wrong(`"${name}" is nothing here: v is the value, A to T are the queries`);
  }
  call(name) {
    this.need("(");
    const list = [this.comparison()];
    while (this.take(",")) list.push(this.comparison());
    this.need(")");
    if (Object.hasOwn(ONE, name)) {
      if (list.length !== 1) throw new Wrong(`${name} takes one number`);
      const [inner, run] = [list[0], ONE[name]];
      return (scope) => run(inner(scope));
    }
    if (!Object.hasOwn(MANY, name)) throw new Wrong(`there is no function ${name}`);
    const [least, most, run] = MANY[name];
    if (list.length < least || list.length > most) throw new Wrong(`${name} takes ${least === most ? least : `${least} to ${most}`} numbers`);
    return (scope) => run(list.map((one) => one(scope)));
  }
}

/** Reads an expression: `{ run(scope), letters }` with `scope` `{ v, t, letter(name) }`, or `{ error }` in words. */
export function compile(text) {
  if (text.length > LENGTH_MAX) return { error: `longer than ${LENGTH_MAX} characters` };
  try {
    const parser = new Parser(text);
    if (parser.list.length === 0) return { error: "it is empty" };
    const run = parser.all();
    return { run: (scope) => { const value = run(scope); return Number.isFinite(value) ? value : null; }, letters: [...parser.letters].sort() };
  } catch (error) {
    if (error instanceof Wrong) return { error: error.message };
    throw error;
  }
}
