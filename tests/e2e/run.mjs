// Plays the scenarios in a browser, or in several at a time: a line for each, the total at the end, exit 1 if one failed.
// node tests/e2e/run.mjs --engine chromium|firefox|webkit[,…] [--shell script|npm] [--only NAME] [--planted]

import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";

import { Chromium } from "./drivers/chromium.mjs";
import { Firefox } from "./drivers/firefox.mjs";
import { WebKit } from "./drivers/webkit.mjs";
import { Front } from "./front.mjs";
import { PLANTS } from "./plant.mjs";
import { Stage } from "./stage.mjs";

const DRIVERS = { chromium: Chromium, firefox: Firefox, webkit: WebKit };
const SCENARIO_MS_MAX = 60_000;

const { values: options } = parseArgs({
  options: {
    engine: { type: "string", default: "chromium" },
    shell: { type: "string", default: "script" },
    only: { type: "string" },
    planted: { type: "boolean", default: false },
  },
});

async function scenarios() {
  const files = readdirSync(new URL("./scenarios/", import.meta.url)).filter((file) => file.endsWith(".mjs")).sort();
  const parts = await Promise.all(files.map((file) => import(`./scenarios/${file}`)));
  const all = parts.flatMap((part, index) => part.default.map((each) => ({ ...each, group: files[index].replace(".mjs", "") })));
  const names = new Set(all.map((each) => each.name));
  if (names.size !== all.length) throw new Error("two scenarios have one name");
  return all;
}

function withDeadline(work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${SCENARIO_MS_MAX / 1000} s`)), SCENARIO_MS_MAX);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** What drivers say when a browser does not start, or stops to listen; what a scenario finds wrong is never one of these. */
const DRIVER_FAILED = /^(The operation was aborted due to timeout|fetch failed|Browser process exited)/;

/** Plays one scenario; what it says is part of the verdict. */
async function play(scenario, id, driver, front, shell) {
  const begun = Date.now();
  const missing = [...(scenario.needs ?? [])].find((need) => driver.cannot[need]);
  const reason = missing ? driver.cannot[missing] : scenario.shells && !scenario.shells.includes(shell) && `not for the ${shell} shell`;
  if (reason) return { scenario, verdict: "skipped", reason, ms: 0 };
  let reader;
  let stage;
  try {
    reader = await withDeadline(driver.reader(scenario.reader));
    if (scenario.plant) front.plantFor(id, scenario.plant);
    stage = new Stage({ front, reader, shell, id, engine: driver.name });
    await withDeadline(Promise.resolve(scenario.play(stage)).then(() => stage.finish()));
    return { scenario, verdict: "ok", ms: Date.now() - begun, worstMs: stage.worstMs };
  } catch (error) {
    return { scenario, verdict: "FAILED", reason: error.message ?? String(error), stack: error.stack, ms: Date.now() - begun };
  } finally {
    front.heal(id);
    if (reader) await withDeadline(reader.close()).catch(() => {});
  }
}

function told({ scenario, verdict, reason, ms, worstMs }, engine) {
  const name = `${scenario.group}: ${scenario.name}${scenario.plant ? ` (with ${scenario.plant})` : ""}`;
  const off = worstMs ? `  engaged within ${worstMs} ms` : "";
  console.log(`  ${engine.padEnd(8)} ${name.padEnd(64)} ${verdict.padEnd(7)} ${(ms / 1000).toFixed(1).padStart(5)} s${off}${reason ? `\n      ${shortened(reason)}` : ""}`);
}

/** The first lines of a reason; PULSO_TRACE shows all of it, and where. */
const shortened = (reason) => reason.split("\n").filter(Boolean).slice(0, 12).map((line) => line.slice(0, 300)).join("\n      ");

/** Plays them all, several at a time; those that need a screen's focus one after the other. */
async function playAll(list, driver, front, shell) {
  const results = [];
  const lane = async (queue) => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const id = `${driver.name}-${next.index}-${Date.now().toString(36)}`;
      let result = await play(next, id, driver, front, shell);
      if (DRIVER_FAILED.test(result.reason)) {
        // Nothing was judged: the browser did not play.
        console.log(`  ${driver.name} ${next.name}: played once more, for its driver failed: ${result.reason}`);
        result = await play(next, `${id}b`, driver, front, shell);
      }
      told(result, driver.name);
      if (process.env.PULSO_TRACE && result.stack) console.log(result.stack);
      results.push(result);
    }
  };
  const numbered = list.map((each, index) => ({ ...each, index }));
  // The longest first, so that none is left over at the end.
  const free = numbered.filter((each) => !each.reader?.headed).sort((a, b) => (b.seconds ?? 5) - (a.seconds ?? 5));
  const focused = numbered.filter((each) => each.reader?.headed);
  await Promise.all([lane(focused), ...Array.from({ length: driver.lanes }, () => lane(free))]);
  return results;
}

/** Whether a browser asked a host that is none of ours. What browsers themselves call home for is theirs. */
function strangersOf(front) {
  const ofTheBrowser = /(^|\.)(mozilla|firefox|google|googleapis|gstatic|chromium|mozgcp)\.(com|org|net)$|^outra\.example$/;
  return [...new Set(front.strangers.map((each) => each.host).filter((host) => !ofTheBrowser.test(host)))];
}

async function once(list, { engines, shell, plant }) {
  const workerPort = Number(process.env.PULSO_PORT ?? 8887);
  const front = new Front({ port: Number(process.env.PULSO_FRONT_PORT ?? workerPort + 9), workerPort, plant });
  await front.listen();
  const health = await fetch(`http://127.0.0.1:${workerPort}/health`).catch(() => undefined);
  if (!health?.ok) throw new Error(`no worker at port ${workerPort}: cargo xtask e2e --browsers ${engines} starts one`);
  const played = async (engine) => {
    const begun = Date.now();
    const driver = new DRIVERS[engine]({ proxyPort: front.port });
    try {
      const results = await playAll(list, driver, front, shell);
      return results.map((result) => ({ ...result, engine, seconds: (Date.now() - begun) / 1000 }));
    } finally {
      await driver.close();
    }
  };
  try {
    const results = (await Promise.all(engines.map(played))).flat();
    const strangers = strangersOf(front);
    const scenario = { group: "all", name: "nothing goes to a stranger" };
    const reason = strangers.length ? `a stranger was asked: ${strangers}` : "";
    const last = { scenario, verdict: reason ? "FAILED" : "ok", reason, ms: 0, engine: engines.at(-1), seconds: 0 };
    told(last, engines.join());
    return [...results, last];
  } finally {
    await front.close();
  }
}

/** Plays, for each planted bug, the scenario that has to notice it. */
async function planted(list) {
  const tasks = Object.entries(PLANTS).map(([plant, { only }]) => ({ ...list.find((each) => each.name === only), plant }));
  const results = await once(tasks, { engines: options.engine.split(","), shell: options.shell });
  let missed = 0;
  for (const [plant, { says }] of Object.entries(PLANTS)) {
    const isFound = results.some((result) => [plant, undefined].includes(result.scenario.plant) && result.verdict === "FAILED" && says.test(result.reason));
    missed += isFound ? 0 : 1;
    console.log(isFound ? `planted ${plant}: found` : `planted ${plant}: NOT FOUND`);
  }
  console.log(`${Object.keys(PLANTS).length - missed} planted bugs found, ${missed} not found`);
  return missed;
}

/** The sum of an engine. */
function summed(engine, results) {
  const own = results.filter((result) => result.engine === engine);
  const count = (verdict) => own.filter((result) => result.verdict === verdict).length;
  const worst = Math.max(0, ...own.map((result) => result.worstMs ?? 0));
  const seconds = Math.max(...own.map((result) => result.seconds)).toFixed(0);
  console.log(`${engine}, ${options.shell} shell: ${count("ok")} passed, ${count("FAILED")} failed, ${count("skipped")} skipped; engaged time within ${worst} ms of the truth; ${seconds} s`);
  return count("FAILED");
}

async function main() {
  const all = await scenarios();
  if (options.planted) return planted(all);
  const list = all.filter((each) => !options.only || `${each.group}: ${each.name}`.includes(options.only));
  if (list.length === 0) throw new Error(`no scenario is called ${options.only}`);
  const engines = options.engine.split(",");
  const results = await once(list, { engines, shell: options.shell, plant: process.env.PULSO_PLANT });
  return engines.map((engine) => summed(engine, results)).reduce((sum, failed) => sum + failed, 0);
}

process.exit((await main()) ? 1 : 0);
