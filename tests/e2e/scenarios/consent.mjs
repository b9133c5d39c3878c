// Does the tracker keep, measure and send only what the reader agreed to?

import assert from "node:assert/strict";

import { EMPTY_DEVICE, deviceOf } from "../judge.mjs";

const HEX = /^[0-9a-f]{32}$/;
const kept = (tab) => tab.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("pulso.")).sort());

/** Nothing of a page is measured, whatever the reader does. */
function nothing(name, page, { prepare, device } = {}) {
  return {
    name,
    async play(stage) {
      if (prepare) await prepare(stage);
      const tab = await stage.open("privado/a", page, { counts: false });
      await stage.until("the script", () => stage.requestsSince(0).some((request) => /pulso\.js$/.test(request.path) && request.status === 200));
      await tab.move();
      await tab.wheel(400);
      await tab.read(800);
      await tab.leave();
      stage.expects([], { device });
      await tab.read(300);
      assert.deepEqual(stage.records.map((record) => record.batch), [], "nothing is sent");
    },
  };
}

export default [
  {
    name: "full: one reader over pages, ids on the device",
    async play(stage) {
      const options = { consent: "full" };
      const tab = await stage.open("a", { options });
      assert.ok((await kept(tab)).includes("pulso.visitor"));
      await tab.leave();
      const next = stage.actor(tab.driver);
      await next.show("b", { options });
      await next.leave();
      const [one, other] = stage.views.map((view) => view.batch);
      assert.match(one.visitor, HEX);
      assert.equal(one.visitor, other.visitor);
      assert.equal(one.consent, "full");
      stage.expects(["a", "b"]);
    },
  },
  nothing("off", { options: { consent: "off" } }),
  nothing("a page that the embed excludes", { options: { exclude: "^/admin/|/privado/" } }),
  nothing("staff who opted out", {}, {
    prepare: async (stage) => {
      const tab = await stage.reader.newTab();
      await tab.goto(stage.elsewhere("antes"));
      await tab.evaluate(() => localStorage.setItem("pulso-exclude", "1"));
    },
    device: { ...EMPTY_DEVICE, local: ["pulso-exclude"] },
  }),
  {
    name: "other pages than the excluded ones are measured",
    async play(stage) {
      const tab = await stage.open("a", { options: { exclude: "^/admin/|/privado/" } });
      await tab.leave();
      stage.expects(["a"]);
    },
  },
  {
    name: "consent given",
    async play(stage) {
      const tab = await stage.open("a");
      assert.deepEqual(await kept(tab), []);
      await tab.evaluate(() => window.pulso.consent("full"));
      await stage.until("the visitor id on the device", async () => (await kept(tab)).includes("pulso.visitor"));
      await tab.move();
      await tab.read(500);
      const left = await tab.leave();
      await stage.told("a", left);
      const next = stage.actor(tab.driver);
      await next.show("b", { options: { consent: "full" } });
      await next.leave();
      assert.deepEqual(stage.viewsOf("a").map((view) => [view.batch.consent, view.batch.visitor]), [["cookieless", undefined]], "the running pageview stays cookieless");
      assert.match(stage.viewsOf("b")[0].batch.visitor, HEX);
      stage.expects(["a", "b"]);
    },
  },
  {
    name: "consent withdrawn",
    async play(stage) {
      const tab = await stage.open("a", { options: { consent: "full" } });
      assert.ok((await kept(tab)).length > 0);
      await tab.evaluate(() => window.pulso.consent("cookieless"));
      assert.deepEqual(await kept(tab), [], "every key is erased at once");
      await tab.move();
      await tab.wheel(600);
      await tab.read(800);
      await tab.leave();
      await stage.until("the rest of the showing", () => stage.views.length === 2);
      const tail = stage.views[1];
      assert.deepEqual([tail.batch.consent, tail.batch.visitor], ["cookieless", undefined]);
      stage.consent = "cookieless";
      stage.expects(["a"], { tails: 1 });
    },
  },
  {
    name: "consent withdrawn altogether",
    async play(stage) {
      const tab = await stage.open("a", { options: { consent: "full" } });
      await tab.evaluate(() => window.pulso.consent("off"));
      assert.deepEqual(await kept(tab), [], "every key is erased at once");
      const since = Date.now();
      await tab.wheel(600);
      await tab.read(800);
      await tab.leave();
      stage.consent = "off";
      stage.expects(["a"]);
      await tab.read(400);
      assert.deepEqual(stage.records.filter((record) => record.at > since + 200).map((record) => record.batch), [], "nothing is sent any more");
    },
  },
  {
    name: "Global Privacy Control",
    needs: ["gpc"],
    reader: { gpc: true },
    async play(stage) {
      const tab = await stage.open("a", { options: { consent: "full" } });
      assert.equal(await tab.evaluate(() => navigator.globalPrivacyControl), true);
      assert.deepEqual(await tab.evaluate(deviceOf), EMPTY_DEVICE);
      await tab.leave();
      assert.deepEqual([stage.views[0].batch.consent, stage.views[0].batch.visitor], ["cookieless", undefined]);
      stage.consent = "cookieless";
      stage.expects(["a"]);
    },
  },
  {
    name: "storage denied by the browser",
    needs: ["denyStorage"],
    reader: { denyStorage: true },
    async play(stage) {
      const tab = await stage.open("a", { options: { consent: "full" } });
      const refusal = await tab.evaluate(() => {
        try {
          return localStorage.length;
        } catch (error) {
          return error.name;
        }
      });
      assert.equal(refusal, "SecurityError");
      await tab.move();
      await tab.read(700);
      const left = await tab.leave();
      stage.engaged(await stage.told("a", left), tab.truth);
      assert.deepEqual([stage.views[0].batch.consent, stage.views[0].batch.visitor], ["cookieless", undefined]);
      stage.expects(["a"], { device: false });
    },
  },
  {
    name: "storage that throws",
    async play(stage) {
      const head = `<script nonce="cGFnaW5h">for (const name of ["getItem", "setItem", "removeItem", "key"]) Storage.prototype[name] = () => { throw new DOMException("cheio", "QuotaExceededError"); };</script>`;
      const tab = await stage.open("a", { head, options: { consent: "full" } });
      await tab.move();
      await tab.read(700);
      const left = await tab.leave();
      stage.engaged(await stage.told("a", left), tab.truth);
      stage.expects(["a"]);
    },
  },
];
