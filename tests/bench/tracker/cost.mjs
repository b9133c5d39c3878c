// What each tracker costs a page: script time, memory, requests and bytes, over one scripted session, by turns.
//
//   node cost.mjs --rounds 15 > table.md
//
// CPU is `Performance.getMetrics` in the time domain `threadTicks`: time that the page's main thread really ran, not time that
// passed, so other programs on the machine do not count. "Script" is what V8 executed; "all tasks" has parsing, compiling,
// garbage collection and dispatch, too. A worker thread that compiles wasm or compresses a body is in neither.

import { launch, sleep } from "../../e2e/browser.mjs";
import { CONTESTANTS, TRACKERS } from "./contestants.mjs";
import { sizes, start } from "./site.mjs";

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const ROUNDS = option("rounds", 15);
const PORT = option("port", 18200);
const WHEELS = 200;
const CLICKS = 20;
const AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted.length % 2 ? sorted[sorted.length >> 1] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
};

/** Everything that a reader does before leaving; the same for all. */
async function session(page) {
  await page.mouse.move(300, 300);
  for (let i = 0; i < WHEELS; i += 1) await page.mouse.wheel(0, i < 150 ? 30 : -20);
  for (let i = 0; i < 60; i += 1) await page.mouse.move(300 + 3 * i, 300 + 2 * i);
  await page.evaluate(() => document.getElementById("busca").focus({ preventScroll: true }));
  await page.keyboard.type("recife de corais", { delay: 5 });
  for (let i = 0; i < CLICKS; i += 1) {
    // Not thrice at the same place, which PostHog takes for rage.
    const [x, y] = await page.evaluate(([id, block]) => {
      const link = document.getElementById(id);
      link.scrollIntoView({ block });
      const box = link.getBoundingClientRect();
      return [box.x + 5, box.y + 5];
    }, [`l${i}`, ["start", "center", "end"][i % 3]]);
    await page.mouse.click(x, y);
    await sleep(20);
  }
  // Trackers that batch send what they have.
  await sleep(3300);
}

/** Remembers the memories of wasm, which no figure of the browser counts as heap. Runs in the page, before any script. */
function noteWasm() {
  const memories = new Set();
  const note = (instance) => {
    for (const each of Object.values(instance.exports)) if (each instanceof WebAssembly.Memory) memories.add(each);
    return instance;
  };
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const original = WebAssembly[name];
    WebAssembly[name] = async (...given) => {
      const result = await original.apply(WebAssembly, given);
      note(result.instance ?? result);
      return result;
    };
  }
  WebAssembly.Instance = new Proxy(WebAssembly.Instance, { construct: (...given) => note(Reflect.construct(...given)) });
  window.wasmBytes = () => [...memories].reduce((total, memory) => total + memory.buffer.byteLength, 0);
}

/** One session with one tracker in a fresh context. */
async function run(browser, site, contestant, nth) {
  const host = `${contestant.name}-${nth}.localhost`;
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 }, userAgent: AGENT });
  const page = await context.newPage();
  await page.addInitScript(noteWasm);
  const cdp = await context.newCDPSession(page);
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  const metrics = async () => Object.fromEntries((await cdp.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
  await page.goto(`http://${host}:${site.port}/artigo`);
  await sleep(900);
  const loaded = await metrics();
  await session(page);
  const read = await metrics();
  await cdp.send("HeapProfiler.enable");
  await cdp.send("HeapProfiler.collectGarbage");
  const heap = await cdp.send("Runtime.getHeapUsage");
  const wasmBytes = await page.evaluate(() => window.wasmBytes());
  await page.goto("about:blank");
  await sleep(700);
  await context.close();
  const requests = site.requests(host);
  const posts = contestant.posts ? requests.filter(contestant.posts) : [];
  return {
    loadScriptMs: 1000 * loaded.ScriptDuration, loadTaskMs: 1000 * loaded.TaskDuration,
    scriptMs: 1000 * (read.ScriptDuration - loaded.ScriptDuration), taskMs: 1000 * (read.TaskDuration - loaded.TaskDuration),
    allScriptMs: 1000 * read.ScriptDuration,
    heapKb: (heap.usedSize + heap.backingStorageSize) / 1024, wasmKb: wasmBytes / 1024,
    requests: requests.length, bodyBytes: requests.reduce((total, request) => total + request.body.length + request.url.search.length, 0),
    clicks: contestant.clicks ? contestant.clicks(posts) : 0,
  };
}

function table(runs) {
  const of = (name, figure) => median(runs.get(name).map((each) => each[figure]));
  const rows = CONTESTANTS.map(({ name, label }) => {
    const more = (figure) => of(name, figure) - (name === "none" ? 0 : of("none", figure));
    const plausible = of("plausible", "allScriptMs") - of("none", "allScriptMs");
    const all = runs.get(name).map((each) => each.allScriptMs);
    const ratio = name === "none" ? "" : `${(more("allScriptMs") / plausible).toFixed(2)} x`;
    const cells = [
      label, more("loadScriptMs").toFixed(1), more("scriptMs").toFixed(1), `**${more("allScriptMs").toFixed(1)}**`,
      `${Math.min(...all).toFixed(0)} - ${Math.max(...all).toFixed(0)}`, ratio, more("loadTaskMs").toFixed(0), more("taskMs").toFixed(0),
      more("heapKb").toFixed(0), of(name, "wasmKb").toFixed(0), of(name, "requests").toFixed(0), of(name, "bodyBytes").toFixed(0),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return ["| | script ms, load | script ms, session | script ms, both | both, from - to, with the page | to Plausible's | all tasks ms, load | all tasks ms, session | heap KiB | wasm memory KiB | requests | body bytes |",
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|", ...rows].join("\n");
}

function sizeTable(files) {
  const ours = sizes(files.pulso).brotli;
  const rows = TRACKERS.map(({ name, label }) => {
    const { raw, gzip, brotli } = sizes(files[name]);
    return `| ${label} | ${raw} | ${gzip} | **${brotli}** | ${(brotli / ours).toFixed(2)} x |`;
  });
  return ["| | raw bytes | gzip -9 | brotli 11 | to pulso's |", "|---|--:|--:|--:|--:|", ...rows].join("\n");
}

const site = await start(PORT);
const browser = await launch();
try {
  const runs = new Map(CONTESTANTS.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contestant of CONTESTANTS) {
      const figures = await run(browser, site, contestant, round);
      if (contestant.clicks && figures.clicks !== CLICKS) throw new Error(`${contestant.name} reported ${figures.clicks} of ${CLICKS} clicks`);
      runs.get(contestant.name).push(figures);
      const numbers = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(1)}`);
      console.error(`  ${round + 1}/${ROUNDS} ${contestant.name.padEnd(13)} ${numbers.join("  ")}`);
    }
  }
  console.log(`${sizeTable(site.files)}\n\nChromium ${browser.version()}, ${ROUNDS} rounds by turns, medians; rows but the first are without the page's own figures.\n\n${table(runs)}`);
} finally {
  await browser.close();
  site.stop();
}
