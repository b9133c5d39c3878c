// Does the embed hold on pages that refuse, delay or repeat it?

import assert from "node:assert/strict";

import { NONCE, STUB, html, tracker } from "../pages.mjs";

const CLOSED = `default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'`;

function policy(name, csp, files) {
  return {
    name,
    async play(stage) {
      const tab = await stage.open("a", { headers: { "content-security-policy": csp } });
      await tab.move();
      await tab.wheel(500);
      const depth = await tab.depth();
      await tab.read(900);
      const left = await tab.leave();
      const view = await stage.told("a", left);
      stage.engaged(view, tab.truth);
      stage.depth(view, depth);
      stage.expects(["a"], { files });
    },
  };
}

export default [
  policy("a policy that refuses WebAssembly", `script-src 'self' 'nonce-${NONCE}'`, ["fallback.js"]),
  policy("a strict policy that allows it", `${CLOSED}; script-src 'self' 'wasm-unsafe-eval' 'nonce-${NONCE}'`, []),
  {
    name: "a strict policy that refuses it",
    async play(stage) {
      const headers = { "content-security-policy": `${CLOSED}; script-src 'self' 'nonce-${NONCE}'` };
      const tab = await stage.open("a", { headers });
      await tab.leave();
      stage.expects(["a"], { files: ["fallback.js"] });
    },
  },
  {
    name: "loaded twice",
    shells: ["script"],
    async play(stage) {
      const tab = await stage.open("a", { after: tracker("script", stage.path("")) });
      await tab.move();
      await tab.read(700);
      const left = await tab.leave();
      stage.engaged(await stage.told("a", left), tab.truth);
      stage.expects(["a"]);
    },
  },
  {
    name: "the tag inserted by a script",
    shells: ["script"],
    async play(stage) {
      const insert = `<script>const tag = document.createElement("script"); tag.async = true; tag.src = "/pulso.js"; tag.dataset.portal = "g1"; document.head.append(tag);</script>`;
      stage.front.page(stage.path("a"), html({ title: "Página a", tags: insert }));
      const tab = stage.actor(await stage.reader.newTab());
      await tab.driver.goto(stage.url("a"));
      await stage.begun("a");
      tab.truth.here();
      await tab.leave();
      stage.expects(["a"]);
    },
  },
  {
    name: "calls before the script is there",
    shells: ["script"],
    async play(stage) {
      let ready;
      stage.front.delay(stage.id, /pulso\.js$/, new Promise((resolve) => {
        ready = resolve;
      }));
      const early = `${STUB}<script>pulso.track("cedo", { n: "1" }); pulso.track("cedo", { n: "2" })</script>`;
      const tab = stage.actor(await stage.reader.newTab());
      const shown = tab.driver.goto(stage.page("a", { before: early }));
      await stage.until("the script is asked for", () => stage.requestsSince(0).some((request) => request.path.endsWith("/pulso.js")));
      await tab.read(800);
      assert.deepEqual(stage.records, []);
      ready();
      await shown;
      await stage.begun("a");
      await tab.leave();
      const view = await stage.until("the early calls", () => stage.views.find((each) => each.of("custom").length >= 2));
      assert.deepEqual(view.of("custom").map((event) => [event.name, event.props]), [["cedo", { n: "1" }], ["cedo", { n: "2" }]]);
      stage.expects(["a"]);
    },
  },
  {
    name: "another portal's page",
    async play(stage) {
      const tab = stage.actor(await stage.reader.newTab());
      stage.page("a", { options: { portal: "ge" } });
      await tab.driver.goto(stage.url("a", "ge"));
      await stage.begun("a");
      assert.equal(stage.views[0].batch.portal, "ge");
      await tab.leave();
      stage.expects(["a"]);
    },
  },
];
