// Is every click on a link told once, with where it leads, and nothing else told as one?

import assert from "node:assert/strict";

const LINK = `<p><a id="l" href="alvo"><b id="dentro">Leia</b></a></p><p style="height:2000px">Texto.</p>`;
const SHADOW = `<div id="casa"></div><script nonce="cGFnaW5h">casa.attachShadow({ mode: "open" }).innerHTML = '<p><a id="l" href="alvo"><i>Sombra</i></a></p>';</script>`;

/** Clicks a page's link in some way; `stays`: the reader remains on the page. */
function clicks(name, { body = LINK, selector = "#l", how, act, href, link = "internal", stays = false, count = 1, needs = [], ...more }) {
  return {
    name,
    needs,
    ...more,
    async play(stage) {
      stage.elsewhere("alvo");
      const tab = await stage.open("a", { body });
      const clickedAt = Date.now();
      await (act ? act(tab) : tab.click(selector, how));
      if (count > 0 && link !== "outbound" && link !== "download") {
        await stage.until("the page of the link", () => stage.requestsSince(0).some((request) => request.path === stage.path("alvo")));
      }
      if (stays) {
        await tab.read(300);
        await tab.leave();
      }
      const view = await stage.until("the page's figures", () => {
        const found = stage.viewsOf("a")[0];
        return found.of("click").length >= count && (count > 0 || stage.records.some((record) => record.at > clickedAt)) && found;
      });
      const told = view.of("click").map((event) => ({ href: event.href, link: event.link }));
      assert.deepEqual(told, Array(count).fill({ href: href ?? stage.url("alvo"), link }), "a click that was not told, or too often");
      stage.expects(["a"]);
    },
  };
}

export default [
  clicks("a link", {}),
  clicks("a child of a link", { selector: "#dentro" }),
  clicks("a link in a shadow tree", { body: SHADOW }),
  clicks("middle click", { how: { button: "middle" }, stays: true, needs: ["buttons"] }),
  clicks("click with Control", { how: { ctrl: true }, stays: true }),
  clicks("keyboard", {
    act: async (tab) => {
      await tab.key("Tab");
      await tab.key("Enter");
    },
  }),
  clicks("outbound", { body: `<p><a id="l" href="http://outra.example/x">Outra</a></p>`, href: "http://outra.example/x", link: "outbound" }),
  clicks("the right button follows nothing", { how: { button: "right" }, stays: true, count: 0, needs: ["buttons"] }),
  clicks("a button is no link", { body: `<button id="l">Botão</button>${LINK.replace('id="l"', "")}`, stays: true, count: 0 }),
  clicks("a page that stops propagation", {
    body: `${LINK}<script nonce="cGFnaW5h">for (const kind of ["click", "auxclick", "pointerdown", "keydown", "scroll"]) document.addEventListener(kind, (event) => event.stopPropagation(), true);</script>`,
  }),
  {
    name: "download",
    async play(stage) {
      stage.front.page(stage.path("dados.csv"), "a;b\n", { "content-type": "text/csv", "content-disposition": "attachment" });
      const tab = await stage.open("a", { body: `<p><a id="l" download href="dados.csv">Dados</a></p>` });
      await tab.click("#l");
      await tab.read(300);
      await tab.leave();
      const view = await stage.until("the click", () => stage.views.find((each) => each.of("click").length));
      assert.deepEqual(view.of("click").map(({ href, link }) => ({ href, link })), [{ href: stage.url("dados.csv"), link: "download" }]);
      stage.expects(["a"]);
    },
  },
];
