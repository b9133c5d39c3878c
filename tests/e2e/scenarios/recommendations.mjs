// Is a recommendation told as seen when it was seen, and its click with where it stood?

import assert from "node:assert/strict";

/** What a page with recommendations loads beside the tracker. */
const MODULE = { files: ["recommendations.js"] };
const REC = "0123456789abcdef";
const list = (height) => `<p style="height:2500px">Notícia.</p><ul data-pulso-rec-id="${REC}" data-placement="fim">
${["um", "dois"].map((name, n) => `<li data-pulso-position="${n}" style="height:${height}px"><a href="/noticia/${name}">${name}</a></li>`).join("\n")}
</ul><p style="height:2500px">Fim.</p>`;

/** Items that were told as seen, one by one. */
const seen = (view) => view.of("impression").flatMap((event) => event.items);

export default [
  {
    name: "an impression: half of it in view for a second",
    async play(stage) {
      const tab = await stage.open("a", { body: list(100) });
      await tab.wheel(2300);
      await tab.depth();
      await tab.read(1600);
      await tab.wheel(-2000);
      await tab.depth();
      await tab.wheel(2000);
      await tab.depth();
      await tab.read(1600);
      await tab.leave();
      const view = await stage.until("impressions", () => stage.views.find((each) => seen(each).length >= 2));
      assert.deepEqual(seen(view).sort(), ["/noticia/dois", "/noticia/um"], "each entry once");
      assert.ok(view.of("impression").every((event) => event.rec_id === REC));
      stage.expects(["a"], MODULE);
    },
  },
  {
    name: "none when it was in view for less than a second",
    async play(stage) {
      const tab = await stage.open("a", { body: list(100) });
      await tab.wheel(2300);
      await tab.read(400);
      await tab.wheel(-2300);
      await tab.depth();
      await tab.read(1500);
      const left = await tab.leave();
      const view = await stage.told("a", left);
      assert.deepEqual(seen(view), []);
      stage.expects(["a"], MODULE);
    },
  },
  {
    name: "none when less than half was in view",
    async play(stage) {
      const tab = await stage.open("a", { body: list(600) });
      const wanted = await tab.evaluate(() => document.querySelector("li").getBoundingClientRect().top - innerHeight + 200);
      await tab.wheel(Math.round(wanted));
      await tab.depth();
      await tab.read(1800);
      const left = await tab.leave();
      assert.deepEqual(seen(await stage.told("a", left)), []);
      stage.expects(["a"], MODULE);
    },
  },
  {
    name: "a click carries rec_id and position",
    async play(stage) {
      const body = `<ul data-pulso-rec-id="${REC}"><li data-pulso-position="0"><a href="zero">Zero</a></li><li data-pulso-position="1"><a id="l" href="fim">Um</a></li></ul>`;
      stage.elsewhere();
      const tab = await stage.open("a", { body });
      await tab.click("#l");
      const view = await stage.until("the click", () => stage.views.find((each) => each.of("click").length));
      const told = view.of("click").map(({ href, rec_id, position }) => ({ href, rec_id, position }));
      assert.deepEqual(told, [{ href: stage.url("fim"), rec_id: REC, position: 1 }]);
      stage.expects(["a"], MODULE);
    },
  },
  {
    name: "the widget",
    async play(stage) {
      const body = `<h1>Notícia</h1><div data-pulso-recommendations data-limit="3" data-placement="fim"></div>`;
      const tab = await stage.open("a", { body });
      const found = await stage.until("entries", () => tab.evaluate(() => {
        const box = document.querySelector("[data-pulso-recommendations]");
        const rows = [...box.querySelectorAll(":is(ul, ol) > li a[href]")];
        if (rows.length === 0) return null;
        // A region, to those who do not see it, is a landmark with a name.
        const region = rows[0].closest("section, aside, nav, [role=region], [role=complementary], [role=navigation]");
        const label = region?.getAttribute("aria-label") || document.getElementById(region?.getAttribute("aria-labelledby"))?.textContent;
        return { rows: rows.length, label, names: rows.map((row) => row.textContent.trim()), recId: rows[0].closest("[data-pulso-rec-id]")?.dataset.pulsoRecId, source: box.dataset.pulsoRecommendations };
      }));
      assert.ok(found.rows >= 1 && found.rows <= 3);
      assert.ok(found.label?.trim().length > 2, "the region has a name");
      assert.ok(found.names.every((name) => name.length > 0), "every link has a text");
      assert.match(found.recId, /^[0-9a-f]{16}$/);
      assert.ok(found.source?.length > 2, "the box says where its list came from");
      await tab.move();
      await tab.read(1500);
      await tab.leave();
      const view = await stage.until("an impression", () => stage.views.find((each) => each.of("impression").length));
      assert.ok(view.of("impression").every((event) => event.rec_id === found.recId && event.placement === "fim"));
      stage.expects(["a"], MODULE);
    },
  },
  {
    name: "the widget fills a box anew whose attribute is emptied",
    async play(stage) {
      const tab = await stage.open("a", { body: `<div data-pulso-recommendations data-limit="3"><h2>Leia também</h2></div>` });
      const filled = (besides) => stage.until("a list", () => tab.evaluate((old) => {
        const { pulsoRecId: recId, pulsoRecommendations: source } = document.querySelector("div").dataset;
        return recId && recId !== old && source !== "asked" && { recId, inside: [...document.querySelector("div").children].map((each) => each.localName) };
      }, besides));
      const first = await filled();
      await tab.evaluate(() => {
        document.querySelector("div").dataset.pulsoRecommendations = "";
      });
      const second = await filled(first.recId);
      assert.deepEqual([first.inside, second.inside], [["h2", "ol"], ["h2", "ol"]], "one list, below what the page has there");
      await tab.leave();
      stage.expects(["a"], MODULE);
    },
  },
];
