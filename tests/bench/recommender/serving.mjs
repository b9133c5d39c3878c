// How long the edge takes to open a model and to answer, in wasm under V8: `node serving.mjs WASM BLOB REQUESTS ANSWERS`.
// Prints one line of JSON; the answers go to a file.

import { readFileSync, writeFileSync } from "node:fs";

const OPENINGS = 21;
const PASSES = 5;

const [wasm, blob, requests, answers] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(wasm));
// What the worker takes from its platform. Nothing that is measured calls it.
const imports = {};
for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
  if (kind !== "function") throw new Error(`the wasm imports ${from} ${name}, a ${kind}`);
  (imports[from] ??= {})[name] = () => {
    throw new Error(`${from} ${name} was called`);
  };
}
const edge = new WebAssembly.Instance(module, imports).exports;

const timed = (work) => {
  const begun = process.hrtime.bigint();
  const done = work();
  const took = process.hrtime.bigint() - begun;
  if (done === 0) throw new Error("no answer");
  return Number(took);
};
// Half are faster than the first, 99 in 100 than the second.
const quantiles = (times) => {
  const sorted = Float64Array.from(times).sort();
  return [50, 99].map((percent) => sorted[Math.floor((sorted.length * percent) / 100)]);
};
const write = (bytes) => {
  // First the room, which may replace the buffer by a longer one.
  const room = edge.room(bytes.length);
  new Uint8Array(edge.memory.buffer, room, bytes.length).set(bytes);
};

const model = readFileSync(blob);
const openings = Array.from({ length: OPENINGS }, () => {
  write(model);
  return timed(edge.open);
});
write(readFileSync(requests));
const count = edge.take();
if (count === 0) throw new Error("the requests were not taken");
// Everyone is asked once, then everyone again: a request's time is the median, because a busy machine halts one call in a hundred.
const each = (ask) => {
  const passes = Array.from({ length: PASSES }, () => Array.from({ length: count }, (_, at) => timed(() => ask(at))));
  return passes[0].map((_, at) => quantiles(passes.map((pass) => pass[at]))[0]);
};
// V8 compiles anew what is called often; an isolate that is asked often has that behind it, one that just started has not.
const first = timed(() => edge.choose(0));
const length = edge.answer();
const at = edge.answers();
writeFileSync(answers, new Uint8Array(edge.memory.buffer, at, length));
const rank = quantiles(each(edge.rank));
const choose = quantiles(each(edge.choose));
console.log(
  JSON.stringify({
    requests: count,
    open_ns: quantiles(openings)[0],
    first_ns: first,
    rank_ns: rank,
    choose_ns: choose,
    memory_bytes: edge.memory.buffer.byteLength,
  }),
);
