// Is engaged time what the reader gave: visible, focused, and not asleep?

import assert from "node:assert/strict";

import { sleep } from "../browser.mjs";
import { tone } from "../pages.mjs";
import { Truth } from "../truth.mjs";

/** How long after going away a beacon may still be on its way. */
const LAST_BEACON_MS = 600;

/** Timers of the page that are set and have not rung, counted from inside; without those of WebKit's driver, which limits each evaluation to 30 s. */
const COUNT_TIMERS = `<script nonce="cGFnaW5h">window.pending = new Set();
for (const [set, clear] of [["setTimeout", "clearTimeout"], ["setInterval", "clearInterval"]]) {
  const [start, stop] = [window[set].bind(window), window[clear].bind(window)];
  window[set] = (work, ms, ...rest) => { if (ms === 30000) return start(work, ms, ...rest); const id = start((...all) => { if (set == "setTimeout") pending.delete(id); work(...all); }, ms, ...rest); pending.add(id); return id; };
  window[clear] = (id) => { pending.delete(id); stop(id); };
}</script>`;

/** Reads for so long with no request of this scenario's pages. */
async function silence(stage, ms, what) {
  const from = Date.now();
  await sleep(ms);
  const heard = stage.requestsSince(from).map((request) => `${request.method} ${request.path}`);
  assert.deepEqual(heard, [], `requests while ${what}`);
}

async function media(stage, isMuted) {
  stage.front.page(stage.path("tom.wav"), tone(30), { "content-type": "audio/wav" });
  const body = `<audio id="som" src="tom.wav" ${isMuted ? "muted" : ""} loop></audio><button id="toca" onclick="som.play()">Tocar</button>`;
  const tab = await stage.open("a", { body });
  await tab.click("#toca");
  await stage.until("the tone plays", () => tab.evaluate(() => document.querySelector("#som").currentTime > 0.1));
  for (let n = 0; n < 16; n += 1) {
    if (!isMuted) tab.truth.sign();
    await tab.read(500);
  }
  const left = await tab.leave();
  stage.engaged(await stage.told("a", left), tab.truth);
  stage.expects(["a"]);
}

export default [
  {
    name: "tab toggling",
    seconds: 10,
    needs: ["toggle"],
    async play(stage) {
      const tab = await stage.open("a");
      await tab.move();
      await tab.read(1000);
      tab.truth.away();
      const other = await stage.reader.newTab();
      await other.goto(stage.elsewhere("outra"));
      for (let round = 0; round < 2; round += 1) {
        await sleep(LAST_BEACON_MS);
        await silence(stage, 1200, "hidden");
        await tab.driver.toFront();
        tab.truth.here();
        await tab.read(1000);
        tab.truth.away();
        await other.toFront();
      }
      await tab.close();
      const view = await stage.until("figures of each hiding", () => stage.views.find((each) => each.of("engagement").length >= 3));
      stage.engaged(view, tab.truth);
      stage.expects(["a"]);
    },
  },
  {
    name: "focus loss and gain",
    seconds: 14,
    reader: { headed: true },
    async play(stage) {
      const tab = stage.actor(await stage.reader.newTab());
      // A window has the focus at some moment while it is being brought to the front: the truth lies between two.
      const [least, most] = [tab.truth, new Truth()];
      await tab.driver.goto(stage.elsewhere("antes"));
      await stage.reader.otherWindow();
      most.here();
      await tab.show("a", { title: `Foco ${stage.id}` });
      if (!(await tab.evaluate(() => Document.prototype.hasFocus.call(document)))) {
        least.away();
        most.away();
      }
      most.here();
      await stage.reader.activate(`Foco ${stage.id}`);
      // A new window of Chromium has its focus in the address bar.
      await tab.click("h1");
      await stage.until("the focus", () => tab.evaluate(() => document.hasFocus()));
      least.here();
      most.sign();
      await tab.read(1500);
      least.away();
      await stage.reader.activate("Outra janela");
      await stage.until("the loss of the focus", () => tab.evaluate(() => !Document.prototype.hasFocus.call(document)));
      most.away();
      await sleep(LAST_BEACON_MS);
      await silence(stage, 2000, "without focus");
      most.here();
      await stage.reader.activate(`Foco ${stage.id}`);
      await stage.until("the focus is back", () => tab.evaluate(() => document.hasFocus()));
      least.here();
      most.sign();
      await tab.read(1500);
      const left = await tab.leave();
      most.away(left);
      stage.engaged(await stage.told("a", left), least, most);
      stage.expects(["a"]);
    },
  },
  {
    name: "idle",
    seconds: 12,
    async play(stage) {
      const tab = await stage.open("a", { head: COUNT_TIMERS });
      await tab.move();
      await tab.read(600);
      await silence(stage, 7000, "idle");
      assert.equal(await tab.evaluate(() => window.pending.size), 0, "timers are set while idle");
      await tab.wheel(300);
      await tab.read(1000);
      const left = await tab.leave();
      stage.engaged(await stage.told("a", left), tab.truth);
      stage.expects(["a"]);
    },
  },
  {
    name: "a shorter idle window",
    async play(stage) {
      const tab = await stage.open("a", { options: { idleWindowMs: 1500 } });
      await tab.move();
      await tab.read(4500);
      const left = await tab.leave();
      stage.engaged(await stage.told("a", left), tab.truth);
      stage.expects(["a"]);
    },
  },
  {
    name: "ten seconds are told while reading",
    seconds: 14,
    async play(stage) {
      const tab = await stage.open("a");
      for (let n = 0; n < 11; n += 1) {
        await tab.wheel(80);
        await tab.read(1000);
      }
      const view = await stage.until("figures at ten seconds", () => stage.views.find((each) => each.of("engagement").length > 0));
      stage.engaged(view, 10_000);
      const left = await tab.leave();
      stage.engaged(await stage.told("a", left), tab.truth);
      stage.expects(["a"]);
    },
  },
  {
    name: "a machine that slept",
    seconds: 14,
    reader: { alone: true },
    async play(stage) {
      const tab = await stage.open("a");
      await tab.move();
      await tab.read(1000);
      await stage.reader.sleepFor(8000);
      // Whoever wakes the machine does not read yet.
      await tab.read(1000);
      const left = await tab.leave();
      stage.engaged(await stage.told("a", left), tab.truth);
      stage.expects(["a"]);
    },
  },
  { name: "media that is heard is attention", seconds: 12, play: (stage) => media(stage, false) },
  { name: "muted media is none", seconds: 12, play: (stage) => media(stage, true) },
];
