// Is scroll depth the deepest point that was in view, of the page as it is now?

import { picture } from "../pages.mjs";

const GROWS = (pixels) => `<p style="height:3000px">Notícia.</p><button id="mais" style="position:fixed;top:0">Mais</button>
<script nonce="cGFnaW5h">mais.onclick = () => document.body.insertAdjacentHTML("beforeend", '<p style="height:${pixels}px">Mais.</p>')</script>`;

export default [
  {
    name: "late image",
    async play(stage) {
      stage.front.page(stage.path("tarde.svg"), picture(3000), { "content-type": "image/svg+xml" });
      const late = `<p style="height:2000px">Notícia.</p><script nonce="cGFnaW5h">addEventListener("load", () => setTimeout(() => {
        document.body.append(Object.assign(new Image(), { id: "tarde", src: "tarde.svg", style: "display:block" })); }, 1500))</script>`;
      const tab = await stage.open("a", { body: late });
      await tab.wheel(300);
      await stage.until("the image", () => tab.evaluate(() => document.querySelector("#tarde")?.complete && document.documentElement.scrollHeight > 4500));
      await tab.wheel(200);
      const depth = await tab.depth();
      const left = await tab.leave();
      stage.depth(await stage.told("a", left), depth);
      stage.expects(["a"]);
    },
  },
  {
    name: "a page that grows",
    async play(stage) {
      const tab = await stage.open("a", { body: GROWS(6000) });
      await tab.wheel(900);
      await tab.depth();
      await tab.click("#mais");
      const depth = await tab.depth();
      const left = await tab.leave();
      stage.depth(await stage.told("a", left), depth);
      stage.expects(["a"]);
    },
  },
  {
    name: "what was told of a page that grows never falls",
    needs: ["toggle"],
    async play(stage) {
      const tab = await stage.open("a", { body: GROWS(9000) });
      await tab.wheel(900);
      const before = await tab.depth();
      const other = await stage.reader.newTab();
      await other.goto(stage.elsewhere("outra"));
      stage.depth(await stage.told("a", 0), before);
      await tab.driver.toFront();
      await tab.click("#mais");
      await tab.depth();
      await tab.read(500);
      const left = await tab.leave();
      stage.depth(await stage.told("a", left), before);
      stage.expects(["a"]);
    },
  },
  {
    name: "scrolled back up",
    async play(stage) {
      const tab = await stage.open("a");
      await tab.wheel(1500);
      const deepest = await tab.depth();
      await tab.wheel(-1200);
      await tab.depth();
      const left = await tab.leave();
      stage.depth(await stage.told("a", left), deepest);
      stage.expects(["a"]);
    },
  },
  {
    name: "the content that the embed names",
    async play(stage) {
      const body = `<header style="height:200px">Topo</header><article id="corpo" style="height:3000px">Notícia.</article><section style="height:6000px">Comentários.</section>`;
      const tab = await stage.open("a", { body, options: { content: "#corpo" } });
      await tab.wheel(700);
      await tab.depth();
      const depth = await tab.evaluate(() => {
        const box = document.querySelector("#corpo").getBoundingClientRect();
        return (100 * (innerHeight - box.top)) / box.height;
      });
      const left = await tab.leave();
      stage.depth(await stage.told("a", left), depth);
      stage.expects(["a"]);
    },
  },
];
