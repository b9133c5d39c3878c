// Engaged time as real trackers report it, against what the reader really did: the same scripted visits to each, in real windows.
//
//   node visits.mjs --visits 50 > table.md

import { engagedTruth, sleep } from "../../e2e/browser.mjs";
import { CONTESTANTS } from "./contestants.mjs";
import { Screen } from "./screen.mjs";
import { start } from "./site.mjs";

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const VISITS = option("visits", 50);
const PORT = option("port", 18210);
const SEED = option("seed", 1);
/** Pages that are open at a time, and how far apart the first of them are opened: a machine that opens all at once starts none in time. */
const PAGES = option("pages", 8);
const APART_MS = 1_000;
/** How long after a page was left its last words may be on their way; another visit begins meanwhile. */
const LAST_WORDS_MS = 6_000;
// Both builds of PostHog measure alike.
const MEASURED = CONTESTANTS.filter(({ name }) => !["none", "posthog"].includes(name));
const KINDS = ["reading with pauses", "walking away", "another tab in between"];

/** Mulberry32: the same seed makes the same visits. */
function chance(seed) {
  let state = seed >>> 0;
  return (low, high) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return low + ((z ^ (z >>> 14)) >>> 0) / 2 ** 32 * (high - low);
  };
}

/** What a reader does, as [milliseconds after the page was there, what]. */
function script(nth) {
  const within = chance(SEED * 1000 + nth);
  const kind = nth % KINDS.length;
  const leavesAt = within(5_000, 40_000) * (kind === 1 ? 1 : 0.8);
  const awayAt = leavesAt * within(0.2, 0.5);
  const backAt = kind === 2 ? awayAt + Math.min(within(3_000, 12_000), leavesAt - awayAt - 1_000) : Infinity;
  const steps = [];
  for (let at = within(200, 1_500); at < leavesAt - 100; ) {
    const isAway = (kind === 1 && at > awayAt) || (kind === 2 && at > awayAt - 300 && at < backAt + 300);
    if (!isAway) steps.push([at, within(0, 1) < 0.7 ? "wheel" : "move"]);
    at += within(0, 1) < 0.12 ? within(5_500, 9_000) : within(250, 3_500);
  }
  if (kind === 2) steps.push([awayAt, "away"], [backAt, "back"]);
  return { kind, leavesAt, steps: steps.sort((a, b) => a[0] - b[0]) };
}

/** Plays one visit; what it gives back waits for the last words, then says milliseconds: really engaged, and reported. */
async function visit(screen, site, contestant, nth) {
  const { kind, leavesAt, steps } = script(nth);
  const host = `${contestant.name}-${nth}.localhost`;
  const { browserContextId } = await screen.send("Target.createBrowserContext");
  const page = await screen.tab(browserContextId, true);
  await page.focus(true);
  await page.send("Page.navigate", { url: `http://${host}:${site.port}/artigo` });
  while ((await page.evaluate("document.readyState")) !== "complete" || !(await page.evaluate("window.shown"))) await sleep(20);
  const beganAt = Date.now();
  const signs = [];
  let other;
  for (const [atMs, what] of steps) {
    await sleep(Math.max(0, beganAt + atMs - Date.now()));
    const from = Date.now();
    if (what === "away") {
      await page.focus(false);
      if (other) await other.front();
      else other = await screen.tab(browserContextId, false);
    } else if (what === "back") {
      await page.front();
      await page.focus(true);
    } else {
      await (what === "wheel" ? page.wheel(80) : page.move(100 + (atMs % 500), 200 + (atMs % 300)));
      signs.push(from);
    }
  }
  await sleep(Math.max(0, beganAt + leavesAt - Date.now()));
  const shown = await page.evaluate("window.shown");
  const leftAt = Date.now();
  await page.send("Page.navigate", { url: "about:blank" });
  const changes = shown.filter(([, state]) => state === "hidden").length;
  if (kind === 2 && !changes) throw new Error(`${host}: the other tab did not hide the page`);
  const given = truth(shown, signs, leftAt);
  return async () => {
    await sleep(leftAt + LAST_WORDS_MS - Date.now());
    await screen.send("Target.disposeBrowserContext", { browserContextId });
    return { kind, truth: given, reported: contestant.engagedMs(site.requests(host).filter(contestant.posts)) };
  };
}

/** The rule, stretch by stretch of visibility; opening the page and coming back to it are signs. */
function truth(shown, signs, leftAt) {
  let total = 0;
  shown.forEach(([from, state], i) => {
    const until = shown[i + 1]?.[0] ?? leftAt;
    if (state === "visible") total += engagedTruth([from, ...signs.filter((at) => at >= from && at < until)], until);
  });
  return total;
}

function row(label, visits) {
  const errors = visits.map(({ truth, reported }) => Math.abs(reported - truth)).sort((a, b) => a - b);
  const at = (part) => (errors[Math.min(errors.length - 1, Math.floor(errors.length * part))] / 1000).toFixed(2);
  return `| ${label} | ${errors.length} | **${at(0.5)}** | ${at(0.95)} | ${at(1)} |`;
}

function table(results) {
  const head = (first) => [`| ${first} | visits | median | p95 | worst |`, "|---|--:|--:|--:|--:|"];
  const ours = results.get("pulso");
  const all = [...head("absolute error, s"), ...MEASURED.map(({ name, label }) => row(label, results.get(name)))];
  const kinds = KINDS.map((label, kind) => [label, ours.filter((each) => each.kind === kind)]).filter(([, visits]) => visits.length);
  return [...all, "", ...head("pulso, by kind of visit"), ...kinds.map(([label, visits]) => row(label, visits))].join("\n");
}

const site = await start(PORT);
const screen = await Screen.start().catch((error) => {
  site.stop();
  throw error;
});
try {
  const results = new Map(MEASURED.map(({ name }) => [name, []]));
  const jobs = Array.from({ length: VISITS }, (_, nth) => MEASURED.map((contestant) => [contestant, nth])).flat();
  const ends = [];
  const worker = async (_, place) => {
    await sleep(place * APART_MS);
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const [contestant, nth] = job;
      const said = await visit(screen, site, contestant, nth);
      ends.push(said().then((result) => note(contestant, nth, result)));
    }
  };
  const note = ({ name }, nth, result) => {
    results.get(name).push(result);
    console.error(`  visit ${nth} ${name.padEnd(13)} ${KINDS[result.kind]}: engaged ${(result.truth / 1000).toFixed(2)} s, reported ${(result.reported / 1000).toFixed(2)} s`);
  };
  await Promise.all(Array.from({ length: PAGES }, worker));
  await Promise.all(ends);
  for (const { name } of MEASURED) {
    if (results.get(name).every(({ reported }) => reported === 0)) throw new Error(`${name} reported nothing in any visit`);
  }
  console.log(`${screen.version}, real windows under Xvfb, ${VISITS} visits to each tracker (seed ${SEED}), ${PAGES} pages at a time.\n\n${table(results)}`);
} finally {
  await screen.stop();
  site.stop();
}
