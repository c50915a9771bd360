/** What the browser remembers, see dom.js. */
export { load, save } from "./dom.js";
