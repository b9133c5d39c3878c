// Is one showing of one page one pageview, however a page comes to be shown?

import assert from "node:assert/strict";

import { sleep } from "../browser.mjs";

/** An application that changes its address by itself, and its title a little later, as they do. */
const SPA = `<nav><a id="dois" href="dois">Dois</a> <a id="tres" href="tres">Três</a> <button id="mesma">Mesma</button></nav>
<p style="height:3000px">Aplicação.</p><script nonce="cGFnaW5h">
const titles = { um: "Título um", dois: "Título dois", tres: "Título três" };
const name = () => setTimeout(() => { document.title = titles[location.pathname.split("/").at(-1)]; }, 15);
for (const link of document.querySelectorAll("a")) link.onclick = (event) => { event.preventDefault(); history.pushState({}, "", link.href); name(); };
mesma.onclick = () => history.replaceState({ aba: 2 }, "", location.pathname + "?aba=2");
onpopstate = name;
</script>`;

const HASHED = `<nav><a id="dois" href="#dois">Dois</a> <a id="tres" href="#tres">Três</a></nav><p style="height:3000px">Aplicação.</p>`;

async function step(stage, tab, name, nth, act) {
  await act();
  const at = Date.now();
  const before = tab.truth.engagedMs;
  const view = await stage.begun(name, nth);
  return { view, at, before };
}

export default [
  {
    name: "SPA history",
    seconds: 8,
    async play(stage) {
      const tab = await stage.open("um", { title: "Título um", body: SPA });
      await tab.move();
      await tab.read(1000);
      const second = await step(stage, tab, "dois", 0, () => tab.click("#dois"));
      stage.engaged(stage.viewsOf("um")[0], second.before);
      await tab.read(700);
      await tab.click("#mesma");
      await tab.read(300);
      await step(stage, tab, "tres", 0, () => tab.click("#tres"));
      await tab.read(400);
      await step(stage, tab, "dois", 1, () => tab.driver.back());
      await tab.leave();
      const views = stage.views;
      assert.deepEqual(views.map((view) => view.meta.title), ["Título um", "Título dois", "Título três", "Título dois"], "titles are read late");
      const referrers = views.slice(1).map((view) => view.batch.referrer.split("?")[0]);
      assert.deepEqual(referrers, ["um", "dois", "tres"].map((name) => stage.url(name)), "the referrer is the page before");
      stage.expects(["um", "dois", "tres", "dois"]);
    },
  },
  {
    name: "SPA engaged time is each page's own",
    seconds: 8,
    async play(stage) {
      const tab = await stage.open("um", { title: "Título um", body: SPA });
      await tab.move();
      await tab.read(2500);
      const { at, before } = await step(stage, tab, "dois", 0, () => tab.click("#dois"));
      await tab.read(1000);
      const left = await tab.leave();
      stage.engaged(await stage.told("dois", left), left - at);
      stage.engaged(stage.viewsOf("um")[0], before);
      stage.expects(["um", "dois"]);
    },
  },
  {
    name: "a changed fragment alone is no navigation",
    async play(stage) {
      const tab = await stage.open("a", { body: HASHED });
      await tab.click("#dois");
      await tab.read(500);
      await tab.leave();
      stage.expects(["a"]);
    },
  },
  {
    name: "SPA hash, asked for",
    async play(stage) {
      const tab = await stage.open("a", { body: HASHED, options: { hash: true } });
      await tab.read(500);
      await tab.click("#dois");
      await stage.begun("a", 1);
      await tab.click("#tres");
      await stage.begun("a", 2);
      await tab.driver.back();
      await stage.begun("a", 3);
      await tab.leave();
      stage.expects(["a", "a", "a", "a"]);
    },
  },
  {
    name: "bfcache return",
    async play(stage) {
      const tab = await stage.open("a");
      await tab.move();
      await tab.read(1000);
      const left = await tab.leave();
      stage.engaged(await stage.told("a", left), tab.truth);
      // It is back at some moment between: the truth has two ends.
      const earliest = Date.now();
      await tab.driver.back();
      const again = await stage.begun("a", 1);
      const at = Date.now();
      assert.equal(await tab.evaluate(() => performance.getEntriesByType("navigation").length), 1);
      await tab.read(800);
      const leftAgain = await tab.follow();
      stage.engaged(await stage.told("a", leftAgain, 1), leftAgain - at, leftAgain - earliest);
      assert.notEqual(again.id, stage.viewsOf("a")[0].id, "a showing has its own id");
      stage.expects(["a", "a"]);
    },
  },
  {
    name: "prerender",
    needs: ["prerender"],
    async play(stage) {
      stage.page("b");
      const rules = `<script type="speculationrules" nonce="cGFnaW5h">{"prerender":[{"urls":["${stage.path("b")}"],"eagerness":"immediate"}]}</script>`;
      const tab = await stage.open("a", { head: rules, body: `<a id="b" href="b">B</a>` });
      await stage.until("the page is fetched ahead", () => stage.requestsSince(0).some((request) => request.path === stage.path("b")));
      await sleep(1200);
      assert.deepEqual(stage.viewsOf("b"), [], "nothing is counted before activation");
      await tab.click("#b");
      const at = Date.now();
      await stage.begun("b");
      const activation = await stage.until("the page", () => tab.evaluate(() => performance.getEntriesByType("navigation")[0].activationStart).catch(() => 0));
      assert.ok(activation > 0, "it was prerendered");
      await tab.read(1000);
      const left = await tab.leave();
      stage.engaged(await stage.told("b", left), left - at);
      assert.equal(stage.requestsSince(0).filter((request) => request.path === stage.path("b")).length, 1);
      stage.expects(["a", "b"]);
    },
  },
];
