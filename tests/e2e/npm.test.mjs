// The npm package as a page of a portal would have it: its own files, a bundler's kind of server, a collector that listens.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";
import { launch, sleep } from "./browser.mjs";

const PACKAGE = new URL("../../target/npm/", import.meta.url);
/** What the edge serves, by its address: the script that stands in, and its modules. */
const SCRIPTS = new URL("../../target/assets/scripts/", import.meta.url);
const CURRENT = JSON.parse(await readFile(new URL("current.json", SCRIPTS)));
const KINDS = { js: "text/javascript", wasm: "application/wasm" };
const ANSWER = { rec_id: "9a1f03c2d4e5b6a7", source: "trending", items: [{ item: "/a", url: "/a", title: "A" }] };
const PAGE = "<!doctype html><title>A story</title><link rel=canonical href=/a-story><p style='height:5000px'>text";

let server, origin, browser, page, posts, asked, csp;

/** A portal and its edge. Each test has its own: what the page of the test before still sends as it closes is not for this one. */
const listen = async () => {
  const received = (posts = []);
  server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://x").pathname;
    if (path == "/pageview") {
      let body = "";
      for await (const part of request) body += part;
      received.push(JSON.parse(body));
      return response.writeHead(202).end();
    }
    if (path == "/recommendations") {
      asked.push(request.url);
      return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(ANSWER));
    }
    if (path == "/pulso.js" || path.startsWith("/v/")) {
      asked.push(path);
      const file = await readFile(new URL(path == "/pulso.js" ? CURRENT.path.slice(3) : path.slice(3), SCRIPTS));
      return response.writeHead(200, { "content-type": "text/javascript; charset=utf-8" }).end(file);
    }
    if (!path.startsWith("/npm/")) return response.writeHead(200, { "content-type": "text/html", ...csp }).end(PAGE);
    asked.push(path);
    const file = await readFile(new URL(path.slice(5), PACKAGE)).catch(() => null);
    response.writeHead(file ? 200 : 404, { "content-type": KINDS[path.split(".").at(-1)] ?? "text/plain" }).end(file);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  origin = `http://127.0.0.1:${server.address().port}`;
};

before(async () => {
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.close();
});

beforeEach(async () => {
  await page?.context().close();
  server?.close();
  [asked, csp] = [[], {}];
  await listen();
  page = await (await browser.newContext()).newPage();
});

const open = async (config = {}) => {
  await page.goto(`${origin}/economia`);
  return page.evaluate(
    async ([origin, config]) => {
      const { start } = await import(`${origin}/npm/pulso.js`);
      window.start = start;
      const starting = start({ portal: "g1", endpoint: origin, ...config });
      return starting.then((pulso) => ((window.pulso = pulso), Object.keys(pulso)), (error) => error.message);
    },
    [origin, config],
  );
};
const until = async (is) => {
  for (let tries = 0; tries < 500 && !is(); tries++) await sleep(20);
  assert.ok(is(), JSON.stringify(posts));
};
const kinds = () => posts.flatMap((batch) => batch.events.map((event) => event.kind));

test("a page is measured, and what it counts itself is sent", async () => {
  assert.deepEqual(await open(), ["page", "track", "identify", "consent", "recommendations", "stop"]);
  await until(() => posts.length == 1);
  const [first] = posts;
  assert.equal(first.v, 1);
  assert.deepEqual([first.portal, first.consent, first.page, first.item, first.meta.title], ["g1", "cookieless", "other", "/a-story", "A story"]);
  await page.evaluate(() => {
    pulso.track("share", { network: "whatsapp" });
    pulso.stop();
  });
  await until(() => posts.length == 2);
  const custom = posts[1].events.find((event) => event.kind == "custom");
  assert.deepEqual([custom.seq, custom.name, custom.props], [1, "share", { network: "whatsapp" }]);
  assert.equal(posts[1].pageview, first.pageview);
  assert.ok(!asked.includes("/npm/recommendations.js"), "only where it is needed");
});

test("a second start answers with the tracker that runs, one after the end begins anew", async () => {
  await open();
  assert.ok(await page.evaluate(async (origin) => (await start({ portal: "ge", endpoint: origin })) == pulso, origin));
  await until(() => posts.length == 1);
  await page.evaluate(async (origin) => {
    pulso.stop();
    await start({ portal: "ge", endpoint: origin });
  }, origin);
  await until(() => kinds().filter((kind) => kind == "pageview").length == 2);
  assert.deepEqual(posts.filter((batch) => batch.meta).map((batch) => batch.portal), ["g1", "ge"]);
});

test("a wrong configuration says what to do, and can be mended", async () => {
  assert.match(await open({ portal: "G1" }), /^pulso: portal is no id: write /);
  assert.match(await open({ endpoint: "pulso.example" }), /^pulso: endpoint is no address: write https/);
  assert.match(await open({ consent: "yes" }), /^pulso: consent is unknown: write full, cookieless or off/);
  assert.match(await open({ page: "story" }), /^pulso: page is unknown: write article/);
  assert.deepEqual(posts, []);
  await page.evaluate((origin) => start({ portal: "g1", endpoint: origin }), origin);
  await until(() => posts.length == 1);
});

test("the edge is where the package came from, unless said", async () => {
  await open({ endpoint: undefined });
  await until(() => posts.length == 1);
});

test("an unknown mode is refused and changes nothing", async () => {
  await open({ consent: "full" });
  await until(() => posts.length == 1);
  assert.match(posts[0].visitor, /^[\da-f]{32}$/);
  assert.match(await page.evaluate(() => { try { pulso.consent("fully"); } catch (error) { return error.message; } }), /^pulso: consent is unknown/);
  assert.equal(await page.evaluate(() => localStorage["pulso.visitor"]), posts[0].visitor);
  await page.evaluate(() => pulso.consent("off"));
  assert.equal(await page.evaluate(() => Object.keys(localStorage).length), 0);
});

test("recommendations are a file of their own", async () => {
  await open();
  const answer = await page.evaluate(() => pulso.recommendations({ limit: 3 }));
  assert.equal(answer.rec_id, ANSWER.rec_id);
  assert.ok(asked.includes("/npm/recommendations.js"));
  const query = new URL(asked.find((url) => url.startsWith("/recommendations")), origin).searchParams;
  assert.deepEqual([query.get("portal"), query.get("item"), query.get("limit")], ["g1", "/a-story", "3"]);
});

test("a list that was seen is an impression", async () => {
  await open();
  await page.evaluate(() => {
    document.body.insertAdjacentHTML("afterbegin", "<div data-pulso-recommendations data-placement=below></div>");
    dispatchEvent(new Event("focus"));
  });
  await page.waitForSelector("[data-pulso-rec-id] a");
  await sleep(1300);
  await page.evaluate(() => pulso.stop());
  await until(() => kinds().includes("impression"));
  const seen = posts.flatMap((batch) => batch.events).find((event) => event.kind == "impression");
  assert.deepEqual([seen.rec_id, seen.placement, seen.items], [ANSWER.rec_id, "below", ["/a"]]);
});

/** A page that lets in inline scripts and these addresses, and no WebAssembly. */
const refusing = (...paths) => {
  csp = { "content-security-policy": `script-src 'unsafe-inline' ${paths.map((path) => origin + path).join(" ")}` };
};

test("where WebAssembly is refused the script stands in, with the same configuration", async () => {
  refusing("/");
  const config = { consent: "full", page: "article", item: "/dito", hash: true, idleWindowMs: 1234, exclude: "^/never", manual: true };
  assert.deepEqual(await open(config), ["page", "track", "identify", "consent", "recommendations", "stop"]);
  assert.ok(asked.includes("/pulso.js") && asked.some((path) => path.endsWith("/fallback.js")));
  const said = await page.evaluate(() => ({ ...document.querySelector("script[data-portal]").dataset }));
  assert.deepEqual(said, { portal: "g1", endpoint: origin, ...config, hash: "true", idleWindowMs: "1234", manual: "true" });
  await sleep(300);
  assert.deepEqual(posts, [], "manual: no pageview by itself");
  await page.evaluate(() => pulso.page({ item: "/dita" }));
  await until(() => posts.length == 1);
  assert.deepEqual([posts[0].portal, posts[0].consent, posts[0].item], ["g1", "full", "/dita"]);
});

test("the script that stands in is one, keeps what the page said early, and can be started anew", async () => {
  refusing("/");
  await page.addInitScript(() => {
    window.pulso ??= new Proxy([], { get: (q, k) => (k == "q" ? q : (...a) => new Promise((r) => q.push([k, a, r]))) });
    pulso.identify("leitor-7");
  });
  await open({ consent: "full" });
  await until(() => posts.length == 1);
  assert.ok(await page.evaluate(async () => (await start({ portal: "ge" })) == pulso), "a second start answers with it");
  await page.evaluate(() => pulso.page());
  await until(() => kinds().filter((kind) => kind == "pageview").length == 2);
  assert.equal(posts.findLast((batch) => batch.meta).user, "leitor-7");
  await page.evaluate(async (origin) => {
    pulso.stop();
    await start({ portal: "ge", endpoint: origin });
  }, origin);
  await until(() => kinds().filter((kind) => kind == "pageview").length == 3);
  assert.deepEqual(posts.filter((batch) => batch.meta).map((batch) => batch.portal), ["g1", "g1", "ge"]);
});

test("a page that refuses both refuses the promise, and says what to do", { timeout: 60_000 }, async () => {
  for (const paths of [["/npm/"], ["/npm/", "/pulso.js"]]) {
    refusing(...paths);
    assert.match(await open(), /^pulso: no WebAssembly \(.*\), no http.*\/pulso.js: script-src needs 'wasm-unsafe-eval' or the edge's origin$/, paths);
    assert.deepEqual(posts, []);
  }
});
