// Does a pageview arrive whole, whichever way the reader leaves?

import assert from "node:assert/strict";

export default [
  {
    name: "leave by navigation",
    async play(stage) {
      const tab = await stage.open("a");
      await tab.move();
      await tab.wheel(600);
      const depth = await tab.depth();
      await tab.read(1200);
      const left = await tab.leave();
      const view = await stage.told("a", left);
      stage.engaged(view, tab.truth);
      stage.depth(view, depth);
      assert.equal(view.meta.title, "Página a");
      assert.equal(view.batch.consent, "cookieless");
      assert.equal(view.batch.visitor, undefined);
      stage.expects(["a"]);
    },
  },
  {
    name: "tab close",
    async play(stage) {
      const other = await stage.reader.newTab();
      await other.goto(stage.elsewhere("outra"));
      const tab = await stage.open("a");
      await tab.move();
      await tab.read(1500);
      const left = await tab.close();
      stage.engaged(await stage.told("a", left), tab.truth);
      stage.expects(["a"]);
    },
  },
  {
    name: "very short visit",
    async play(stage) {
      const tab = await stage.open("a");
      const left = await tab.leave();
      stage.engaged(await stage.told("a", left), tab.truth);
      stage.expects(["a"]);
    },
  },
  {
    name: "left before the script ran",
    needs: ["interrupt"],
    async play(stage) {
      let ready;
      stage.front.delay(stage.id, /pulso\.js$/, new Promise((resolve) => {
        ready = resolve;
      }));
      const tab = stage.actor(await stage.reader.newTab());
      // The page's load waits for its script, so the navigation cannot wait for the load.
      const shown = tab.driver.goto(stage.page("a")).catch(() => {});
      await stage.until("the script is asked for", () => stage.requestsSince(0).some((request) => request.path.endsWith("/pulso.js")));
      const left = tab.driver.goto(stage.elsewhere()).catch(() => {});
      // Only when the next page is there is this one gone: until then it is shown, and may be counted.
      await left;
      ready();
      await shown;
      stage.expects([]);
    },
  },
  {
    name: "two pages one after the other",
    async play(stage) {
      const tab = await stage.open("a");
      await tab.move();
      await tab.read(800);
      const left = Date.now();
      tab.truth.away(left);
      const first = tab.truth.engagedMs;
      const next = stage.actor(tab.driver);
      await next.show("b");
      stage.engaged(await stage.told("a", left), first);
      await next.read(700);
      const leftNext = await next.leave();
      const view = await stage.told("b", leftNext);
      stage.engaged(view, next.truth);
      assert.equal(view.batch.referrer || undefined, undefined, "an address that was typed has no referrer");
      assert.notEqual(view.id, stage.viewsOf("a")[0].id);
      stage.expects(["a", "b"]);
    },
  },
];
