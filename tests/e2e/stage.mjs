// What a scenario plays on: pages of its own, a reader, the truth of what was read, and what came of it.

import assert from "node:assert/strict";

import { sleep } from "./browser.mjs";
import { EMPTY_DEVICE, answersAreGood, deviceOf, isWhole, viewsOf } from "./judge.mjs";
import { article, html, tracker } from "./pages.mjs";
import { Truth } from "./truth.mjs";

/** How long a wait for a condition may take. */
const DEADLINE_MS = 12_000;
/** How long a scenario listens, when all that it expects is there, for what must not come. */
const QUIET_MS = 500;
/** What scripted truth and measure may differ by. */
const ENGAGED_TOLERANCE_MS = 1000;
const DEPTH_TOLERANCE_PCT = 2;

export class Stage {
  /** Largest difference between truth and measure. */
  worstMs = 0;
  consent = "cookieless";
  #expected;

  constructor({ front, reader, shell, id, engine }) {
    Object.assign(this, { front, reader, shell, id, engine });
  }

  path(name) {
    return `/t/${this.id}/${name}`;
  }

  url(name, portal = "g1") {
    return this.front.origin(portal) + this.path(name);
  }

  /** Puts a page there and says its address. `options`: those of the tracker, or false for a page without. */
  page(name, { title = `Página ${name}`, head = "", body = article(), options = {}, before = "", after = "", headers } = {}) {
    if (options) this.consent = options.consent ?? this.consent;
    const tags = options ? before + tracker(this.shell, this.path(""), options) + after : "";
    this.front.page(this.path(name), html({ title, head, body, tags }), headers);
    return this.url(name);
  }

  /** A page without the tracker: where a reader goes to leave. */
  elsewhere(name = "fim") {
    return this.page(name, { options: false, body: "<p>Fim." });
  }

  /** Opens a page in a tab of its own and waits until its pageview has come. */
  async open(name, page = {}, { counts = true } = {}) {
    const tab = this.actor(await this.reader.newTab(), page.options?.idleWindowMs);
    await tab.show(name, page, { counts });
    return tab;
  }

  actor(driver, idleMs) {
    return new Actor(this, driver, new Truth(idleMs));
  }

  get records() {
    return this.front.records.filter((record) => record.id === this.id);
  }

  get views() {
    return viewsOf(this.records);
  }

  /** The pageviews of a page, first to last. */
  viewsOf(name) {
    return this.views.filter((view) => view.name === name);
  }

  /** Requests of this scenario's pages since a moment. */
  requestsSince(at) {
    return this.front.requests.filter((request) => request.id === this.id && request.at > at);
  }

  /** Waits for a condition, not for luck. */
  async until(what, question, ms = DEADLINE_MS) {
    const deadline = Date.now() + ms;
    for (;;) {
      const answer = await question();
      if (answer) return answer;
      assert.ok(Date.now() < deadline, `nothing came: ${what} (${this.#said()})`);
      await sleep(20);
    }
  }

  /** The n-th pageview of a page, once it has begun. */
  begun(name, nth = 0) {
    return this.until(`a pageview of ${name}, number ${nth + 1}`, () => this.viewsOf(name).filter((view) => view.of("pageview").length)[nth]);
  }

  /** The pageview of a page as it was when something of it was told after `since`. */
  async told(name, since, nth = 0) {
    const isOf = (record, id) => record.batch?.pageview === id && record.at >= since && record.status !== undefined;
    return this.until(`an engagement of ${name} after leaving it`, () => {
      const view = this.viewsOf(name)[nth];
      const came = view && this.records.some((record) => isOf(record, view.id) && record.batch.events.some((event) => event.kind === "engagement"));
      return came && view;
    });
  }

  /** Holds the engaged time of a pageview against the truth, or against two that it lies between. */
  engaged(view, truth, most = truth) {
    const [from, to] = [truth, most].map((each) => each.engagedMs ?? each);
    const offMs = Math.max(from - view.engagedMs, view.engagedMs - to, 0);
    this.worstMs = Math.max(this.worstMs, offMs);
    assert.ok(offMs <= ENGAGED_TOLERANCE_MS, `engaged ${view.engagedMs} ms, given ${from === to ? from : `${from} to ${to}`} ms`);
  }

  depth(view, given) {
    assert.ok(Math.abs(view.scrollPct - given) <= DEPTH_TOLERANCE_PCT, `depth ${view.scrollPct} %, given ${given.toFixed(1)} %`);
  }

  /** Says which pageviews there have to be, by page, in order; `finish` sees to it that no others came. */
  expects(names, { tails = 0, files = [], device, anyOrder = false } = {}) {
    this.#expected = { names, tails, files, device, anyOrder };
  }

  /** After the scenario: what must hold of all, and nothing more may come. */
  async finish() {
    assert.ok(this.#expected, "the scenario does not say which pageviews it expects");
    const { names, tails, files, device, anyOrder } = this.#expected;
    await sleep(QUIET_MS);
    const views = this.views;
    answersAreGood(this.records);
    const whole = views.filter((view) => view.of("pageview").length);
    for (const view of views) isWhole(view, { isTail: tails > 0 && !whole.includes(view) });
    const order = (list) => (anyOrder ? [...list].sort() : list);
    assert.deepEqual(order(whole.map((view) => view.name)), order(names), "a pageview of another page, one too many, or one too few");
    assert.equal(views.length - whole.length, tails, "pageviews without a beginning");
    const modules = this.front.requests.filter((request) => request.id === this.id && /fallback\.js|recommendations\.js/.test(request.path));
    const loaded = [...new Set(modules.map((request) => request.path.split("/").at(-1)))].sort();
    assert.deepEqual(loaded, files, "modules that were loaded, and those that are needed");
    if (device !== false && this.consent !== "full") {
      const tab = await this.reader.newTab();
      await tab.goto(this.elsewhere("aparelho"));
      assert.deepEqual(await tab.evaluate(deviceOf), device ?? EMPTY_DEVICE, "something is kept on the device");
    }
  }

  #said() {
    const short = (record) => `${record.fault ?? record.status} ${record.batch?.url?.split("/").at(-1)} ${record.batch?.events?.map((event) => `${event.seq}${event.kind}`)}`;
    return `${this.records.length} bodies: ${this.records.map(short).join("; ")}`.slice(0, 600);
  }
}

/** A reader at a tab: every input is real, and noted as a sign. */
class Actor {
  constructor(stage, driver, truth) {
    Object.assign(this, { stage, driver, truth });
  }

  /** Goes to a page that is made here and waits for its pageview. */
  async show(name, page = {}, { counts = true } = {}) {
    const nth = this.stage.viewsOf(name).length;
    await this.driver.goto(this.stage.page(name, page));
    if (!counts) return;
    const view = await this.stage.begun(name, nth);
    this.truth.here(this.stage.records.find((record) => record.batch?.pageview === view.id).at);
  }

  async move(x = 300, y = 300) {
    this.truth.sign();
    await this.driver.move(x, y);
  }

  async wheel(deltaY) {
    this.scrolledFrom = await this.driver.evaluate(() => scrollY);
    this.truth.sign();
    await this.driver.wheel(deltaY);
  }

  async click(selector, how) {
    this.truth.sign();
    await this.driver.click(selector, how);
  }

  async key(name) {
    this.truth.sign();
    await this.driver.key(name);
  }

  /** Reads on for so long: a pause that is part of the truth. */
  async read(ms) {
    await sleep(ms);
  }

  /** Goes elsewhere. Says when. */
  async leave(url = this.stage.elsewhere()) {
    const at = Date.now();
    this.truth.away(at);
    await this.driver.goto(url);
    return at;
  }

  /** The same by the page's own script: Firefox's driver loses count of loads after a return from the back-forward cache. */
  async follow(name = "adiante") {
    const url = this.stage.elsewhere(name);
    const at = Date.now();
    this.truth.away(at);
    await this.driver.evaluate((there) => {
      setTimeout(() => location.assign(there), 0);
    }, url);
    await this.stage.until("the next page", () => this.stage.requestsSince(at - 1).some((request) => request.path === this.stage.path(name)));
    return at;
  }

  async close() {
    const at = Date.now();
    this.truth.away(at);
    await this.driver.close();
    return at;
  }

  /** Waits until the last turn of the wheel has had its effect, and says how deep the page is in view, in percent of its height now. */
  async depth() {
    const now = () => this.driver.evaluate(() => [scrollY, (100 * (scrollY + innerHeight)) / document.documentElement.scrollHeight]);
    let before = [this.scrolledFrom];
    let hasMoved = this.scrolledFrom === undefined;
    this.scrolledFrom = undefined;
    return this.stage.until("the end of scrolling", async () => {
      await sleep(100);
      const after = await now();
      const isStill = after[0] === before[0];
      before = after;
      if (!isStill) hasMoved = true;
      return isStill && hasMoved && Math.min(100, after[1]);
    });
  }

  evaluate(work, argument) {
    return this.driver.evaluate(work, argument);
  }
}
