/** Numbers as text for people: short on axes, exact enough to compare in tables. Never a locale's own separators. */

const BIG = [["", 1], ["k", 1e3], ["M", 1e6], ["G", 1e9], ["T", 1e12], ["P", 1e15], ["E", 1e18]];
const SMALL = [["m", 1e-3], ["µ", 1e-6], ["n", 1e-9]];

const trim = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** Short: `1.23 k` becomes `1.23k`; three digits that count, more when `digits` says so. */
export function short(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e21 || size < 1e-9) return value.toExponential(2).replace("-", "−").replace("e+", "e");
  const sign = value < 0 ? "−" : "";
  if (size >= 1e4 || size >= 1e3 && digits <= 3) {
    let step = BIG.findLastIndex(([, unit]) => size >= unit);
    let text = trim((size / BIG[step][1]).toPrecision(Math.max(digits, 3)));
    if (Number(text) >= 1000 && step + 1 < BIG.length) text = trim((size / BIG[++step][1]).toPrecision(Math.max(digits, 3)));
    return sign + plain(text) + BIG[step][0];
  }
  if (size >= 1e-3) return sign + trim(plain(size.toPrecision(Math.min(Math.max(digits, 3), 15))));
  const [letter, unit] = SMALL.find(([, candidate]) => size >= candidate) ?? SMALL[2];
  return sign + trim((size / unit).toPrecision(digits)) + letter;
}

/** Without an exponent. */
function plain(text) {
  return text.includes("e") ? String(Number(text)) : text;
}

/** For read-outs and tables: up to seven digits (or `digits`) that count, thousands set apart by a thin blank. */
export function value(number, digits = 7) {
  if (number === null || number === undefined || Number.isNaN(number)) return "–";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  const size = Math.abs(number);
  if (size !== 0 && (size >= 1e15 || size < 1e-6)) return number.toExponential(4).replace("-", "−").replace("e+", "e");
  const text = Number.isInteger(number) ? String(size) : trim(plain(size.toPrecision(size >= 10 ** (digits - 1) ? digits + 3 : digits)));
  const [whole, part] = text.split(".");
  return (number < 0 ? "−" : "") + whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") + (part ? `.${part}` : "");
}

/** A whole number with its thousands set apart: `12 345`. */
export const count = (number) => (number === null || number === undefined ? "–" : String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, "\u202f"));

/** `1 series`, `2 points`: the word's plural adds an s unless given. */
export const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;

/** Bytes in powers of 1024: `1.5 MiB`. */
export function bytes(number) {
  if (!Number.isFinite(number)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let step = 0;
  while (Math.abs(number) >= 1024 && step < units.length - 1) {
    number /= 1024;
    step++;
  }
  return `${step === 0 ? Math.round(number) : trim(number.toPrecision(3))} ${units[step]}`;
}

/** Cuts in the middle, so that both ends of a long name stay readable. */
export function middle(text, max) {
  return text.length <= max ? text : `${text.slice(0, Math.ceil(max / 2) - 1)}…${text.slice(-Math.floor(max / 2))}`;
}

/**
 * gnuplot's number formats, as links carry them (`yformat=%.1s%c`): `%[flags][width][.digits]` and one of `d f e g s c x`;
 * `%s` is the number scaled by thousands and `%c` its letter; `%%` is a percent sign. A function from number to text, or null
 * if the text is none.
 */
export function gnuplot(pattern) {
  if (!pattern || !/%[-+ 0#]*\d*(?:\.\d+)?[dfegscxEGX]/.test(pattern)) return null;
  const pieces = pattern.split(/(%%|%[-+ 0#]*\d*(?:\.\d+)?[dfegscxEGX])/);
  if (pieces.some((piece, at) => at % 2 === 0 && piece.includes("%"))) return null;
  return (number) => {
    const power = number === 0 || !Number.isFinite(number) ? 0 : Math.max(-8, Math.min(8, Math.floor(Math.log10(Math.abs(number)) / 3 + 1e-9)));
    return pieces.map((piece, at) => (at % 2 === 0 ? piece : piece === "%%" ? "%" : one(piece, number, power))).join("");
  };
}

function one(piece, number, power) {
  const [, flags, width, digits, kind] = /^%([-+ 0#]*)(\d*)(?:\.(\d+))?([dfegscxEGX])$/.exec(piece);
  const places = digits === undefined ? 6 : Math.min(20, Number(digits));
  let text;
  switch (kind) {
    case "d": text = String(Math.trunc(number)); break;
    case "f": text = number.toFixed(places); break;
    case "e": case "E": text = number.toExponential(places).replace(/e([+-])(\d)$/, "e$10$2"); break;
    case "s": text = (number / 1000 ** power).toFixed(digits === undefined ? 0 : places); if (digits === undefined) text = trim((number / 1000 ** power).toPrecision(6)); break;
    case "c": text = ["y", "z", "a", "f", "p", "n", "u", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y"][power + 8].trim(); break;
    case "x": case "X": text = Math.trunc(number).toString(16); break;
    default: text = trim(number.toPrecision(Math.max(1, places))); if (text.includes("e")) text = text.replace(/e([+-])(\d)$/, "e$10$2");
  }
  if (kind !== "c" && flags.includes("+") && number >= 0) text = `+${text}`;
  const wanted = Math.min(40, Number(width || 0));
  if (flags.includes("-")) return text.padEnd(wanted);
  return flags.includes("0") && kind !== "c" ? text.padStart(wanted, "0") : text.padStart(wanted);
}

/** `metric{host=web01, dc=lga}` of a series or a group. */
export function nameOf({ metric, tags }) {
  const pairs = Object.entries(tags ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length ? `${metric}{${pairs.join(", ")}}` : metric;
}
