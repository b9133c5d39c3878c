// Do the calls of `window.pulso` do what they say?

import assert from "node:assert/strict";

export default [
  {
    name: "track",
    async play(stage) {
      const tab = await stage.open("a");
      await tab.evaluate(() => window.pulso.track("share", { network: "whatsapp" }));
      await tab.read(300);
      await tab.leave();
      const view = await stage.until("the event", () => stage.views.find((each) => each.of("custom").length));
      assert.deepEqual(view.of("custom").map(({ name, props }) => ({ name, props })), [{ name: "share", props: { network: "whatsapp" } }]);
      stage.expects(["a"]);
    },
  },
  {
    name: "manual",
    async play(stage) {
      const tab = await stage.open("a", { options: { manual: true } }, { counts: false });
      await stage.until("the tracker", () => tab.evaluate(() => Boolean(window.pulso)));
      await tab.move();
      await tab.read(800);
      assert.deepEqual(stage.views, [], "no pageview by itself");
      await tab.evaluate(() => window.pulso.page());
      await stage.begun("a");
      const at = Date.now();
      await tab.move(350, 350);
      await tab.read(900);
      const left = await tab.leave();
      stage.engaged(await stage.told("a", left), left - at);
      stage.expects(["a"]);
    },
  },
  {
    name: "page() begins another pageview",
    async play(stage) {
      const tab = await stage.open("a");
      await tab.read(300);
      await tab.evaluate(() => window.pulso.page());
      await stage.begun("a", 1);
      await tab.leave();
      stage.expects(["a", "a"]);
    },
  },
  {
    name: "identify",
    async play(stage) {
      const tab = await stage.open("a", { options: { consent: "full" } });
      await tab.evaluate(() => {
        window.pulso.identify("leitor-7");
        window.pulso.page();
      });
      await stage.begun("a", 1);
      const said = (view) => JSON.stringify({ ...view.batch, events: [] }).includes("leitor-7");
      assert.deepEqual(stage.views.map(said), [false, true], "the next pageview carries the portal's own id");
      await tab.leave();
      stage.expects(["a", "a"]);
    },
  },
  {
    name: "identify says nothing without consent",
    async play(stage) {
      const tab = await stage.open("a");
      await tab.evaluate(() => {
        window.pulso.identify("leitor-7");
        window.pulso.page();
      });
      await stage.begun("a", 1);
      await tab.leave();
      stage.expects(["a", "a"]);
      assert.ok(!JSON.stringify(stage.records.map((record) => record.batch)).includes("leitor-7"));
    },
  },
  {
    name: "recommendations()",
    async play(stage) {
      const tab = await stage.open("a");
      const answer = await tab.evaluate(() => window.pulso.recommendations({ limit: 3 }));
      assert.equal(answer.portal, "g1");
      assert.match(answer.rec_id, /^[0-9a-f]{16}$/);
      assert.ok(answer.items.length >= 1 && answer.items.length <= 3);
      await tab.leave();
      stage.expects(["a"], { files: ["recommendations.js"] });
    },
  },
  {
    name: "stop()",
    async play(stage) {
      const tab = await stage.open("a", { body: `<a id="l" href="#x">Link</a><p style="height:4000px"></p>` });
      await tab.move();
      await tab.read(900);
      // The last body may be there before the driver says that the call has returned.
      const at = Date.now();
      tab.truth.away(at);
      await tab.evaluate(() => window.pulso.stop());
      const view = await stage.told("a", at);
      stage.engaged(view, tab.truth);
      await tab.click("#l");
      await tab.wheel(900);
      await tab.read(600);
      const since = Date.now();
      await tab.leave();
      await tab.read(300);
      const after = stage.records.filter((record) => record.at > since).flatMap((record) => record.batch.events.map((event) => event.seq));
      assert.ok(after.every((seq) => seq <= view.events.at(-1).seq), "nothing new is told after stop()");
      assert.deepEqual(stage.views[0].of("click"), []);
      stage.expects(["a"]);
    },
  },
];
