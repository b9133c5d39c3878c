// A reader opens an article of g1, reads, follows a recommendation; then somebody else looks into the streams.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

import { engagedTruth, launch, sleep, until } from "./browser.mjs";

const PORT = Number(process.env.PULSO_PORT);
const SITE = `http://g1.localhost:${PORT}`;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MODES = (process.env.PULSO_CONSENT_MODES ?? "full cookieless").split(" ");
const SLUGS = readdirSync(`${ROOT}/www/g1/noticia`).map((file) => file.replace(".html", "")).sort();

/** What the streams hold of an item, read with boto3. */
function pageviewsOf(item, since) {
  const output = execFileSync(`${ROOT}/target/venv/bin/python`, [
    `${ROOT}/tests/oracle/pageviews.py`, "--endpoint", process.env.PULSO_AWS_URL, "--item", item, "--since", String(since),
    "--portal", "g1", "--want", "pageview", "engagement", "click",
  ]);
  return JSON.parse(output);
}

/** Reads the article like a person: scrolls, stops for longer than the idle window, scrolls on, clicks. */
async function readAndLeave(page) {
  const signs = [];
  const scroll = async (times) => {
    for (let i = 0; i < times; i += 1) {
      await page.mouse.wheel(0, 90);
      signs.push(Date.now());
      await sleep(400);
    }
  };
  await page.mouse.move(300, 300);
  signs.push(Date.now());
  await scroll(6);
  await sleep(7500);
  await scroll(4);
  const depth = () => page.evaluate(() => (100 * (window.scrollY + window.innerHeight)) / document.documentElement.scrollHeight);
  const depthRead = await depth();
  const link = page.locator("[data-pulso-recommendations] li a").first();
  const [href, recId] = await link.evaluate((a) => [a.href, a.closest("[data-pulso-rec-id]").dataset.pulsoRecId]);
  await link.scrollIntoViewIfNeeded();
  const depthAtLink = await depth();
  // The next page sends again what was only beaconed. Closed before that is answered, it would beacon it once more.
  const settled = page.waitForResponse((response) => response.url().endsWith("/pageview") && response.request().postDataJSON().events[0].seq === 0);
  await link.click();
  signs.push(Date.now());
  const leftAt = Date.now();
  await page.waitForURL(href);
  await settled;
  return { engagedMs: engagedTruth(signs, leftAt), scrollPct: Math.max(depthRead, depthAtLink), href, recId };
}

for (const [index, mode] of MODES.entries()) {
  test(`an article read in mode ${mode} is in g1's stream, whole and once`, async (t) => {
    const browser = await launch();
    t.after(() => browser.close());
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    const item = `/g1/noticia/${SLUGS[index]}`;
    const since = Date.now();
    const collected = page.waitForResponse((response) => response.url().endsWith("/pageview"));
    // Without a word about consent a page is measured in mode cookieless.
    await page.goto(`${SITE}${item}${mode === "full" ? "?consent=full" : ""}`);
    // The reader's clock starts when the page is there; the first batch shows that the tracker is.
    assert.equal((await collected).status(), 202);
    const truth = await readAndLeave(page);
    const storage = await context.storageState();
    await context.close();

    const streams = pageviewsOf(item, since);
    assert.deepEqual(streams.ge, [], "another portal's stream has it too");
    assert.equal(streams.g1.length, 1, `one pageview, not ${JSON.stringify(streams.g1)}`);
    const [view] = streams.g1;
    const of = (kind) => view.events.filter((event) => event.kind === kind);
    assert.deepEqual(view.events.map((event) => event.seq), view.events.map((_, seq) => seq), "seq has a gap");
    assert.equal(of("pageview").length, 1);
    // In mode full the next page sends again what was only beaconed; readers of the stream drop the repeat. Nothing else repeats.
    const resent = mode === "full" ? view.events.length - of("pageview").length : 0;
    assert.ok(view.duplicates <= resent, `${view.duplicates} events came twice`);
    assert.ok(view.meta.title.length > 5, "the pageview carries the title");
    assert.ok(!view.url.includes("?"), "the query is cut");

    const last = of("engagement").at(-1);
    assert.ok(last, "an engagement arrived");
    t.diagnostic(`engaged ${last.engaged_ms} ms, given ${truth.engagedMs} ms; depth ${last.scroll_pct} %, given ${truth.scrollPct.toFixed(1)} %`);
    assert.ok(Math.abs(last.engaged_ms - truth.engagedMs) <= 1000, `engaged ${last.engaged_ms}, given ${truth.engagedMs}`);
    assert.ok(Math.abs(last.scroll_pct - truth.scrollPct) <= 2, `depth ${last.scroll_pct}, given ${truth.scrollPct}`);
    assert.deepEqual(of("click").map(({ href, link, rec_id, position }) => ({ href, link, rec_id, position })), [
      { href: truth.href, link: "internal", rec_id: truth.recId, position: 0 },
    ]);

    const stored = storage.origins.flatMap((origin) => origin.localStorage.map((entry) => entry.name));
    if (mode === "full") {
      assert.equal(view.batch_visitor, view.visitor);
      assert.ok(stored.some((name) => name.startsWith("pulso")), "the visitor id is kept");
    } else {
      assert.equal(view.batch_visitor, null);
      assert.match(view.visitor, /^d[0-9a-f]{31}$/);
      assert.deepEqual(stored, [], "nothing is kept on the device");
      assert.deepEqual(storage.cookies, []);
    }
    await isRecommended(item);
  });
}

/** The loop closes: what was read is recommended. */
async function isRecommended(item) {
  for (const path of ["/top-pages", "/recommendations"]) {
    const names = await until(async () => {
      const answer = await (await fetch(`http://127.0.0.1:${PORT}${path}?portal=g1&limit=50`)).json();
      return answer.items.some((each) => each.item === item) ? answer : null;
    }, 20_000);
    assert.ok(names, `${path} does not show ${item}`);
    const card = names.items.find((each) => each.item === item);
    assert.notEqual(card.title, item, "the card has the page's own title");
  }
}

test("the plain embed line of the README is enough", { skip: MODES.length < 2 }, async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const page = await browser.newPage();
  // The portal's page, with nothing on it but the line.
  const html = `<!doctype html><title>Uma linha</title><script async src="/pulso.js" data-portal="g1"></script><p>Oi.`;
  await page.route(`${SITE}/uma-linha`, (route) => route.fulfill({ contentType: "text/html", body: html }));
  const collected = page.waitForRequest((request) => request.url() === `${SITE}/pageview`);
  await page.goto(`${SITE}/uma-linha`);
  const batch = (await collected).postDataJSON();
  assert.equal((await (await collected).response()).status(), 202);
  // What portals.toml says for g1 when the page does not; without a canonical address the item is the path of its own.
  const item = batch.item ?? new URL(batch.url).pathname;
  assert.deepEqual([batch.consent, batch.visitor, item, batch.meta.title], ["cookieless", undefined, "/uma-linha", "Uma linha"]);
});

test("the page of one portal cannot speak for another", { skip: MODES.length < 2 }, async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`http://ge.localhost:${PORT}/ge/`);
  const status = await page.evaluate(async () => {
    const at_ms = Date.now();
    const body = {
      v: 1, portal: "g1", pageview: at_ms.toString(16).padStart(12, "0") + "0".repeat(20), consent: "cookieless", page: "other",
      url: location.href, sent_at_ms: at_ms, dropped: 0, bot: false, events: [{ seq: 0, kind: "pageview", at_ms }],
    };
    const response = await fetch("/pageview", { method: "POST", headers: { "content-type": "text/plain" }, body: JSON.stringify(body) });
    return [response.status, (await response.json()).error.code];
  });
  assert.deepEqual(status, [403, "origin_not_allowed"]);
});
