// What was received, read as a reader of the stream would: by pageview, without repeats; and what must hold of it in every scenario.

import assert from "node:assert/strict";

/** The pageviews in what reached the worker, in the order in which they came. */
export function viewsOf(records) {
  const views = new Map();
  for (const { batch, status } of records) {
    if (!batch || status === undefined) continue;
    const view = views.get(batch.pageview) ?? { id: batch.pageview, batch, bySeq: new Map(), repeats: 0, conflicts: 0 };
    views.set(batch.pageview, view);
    if (batch.meta) view.meta = batch.meta;
    for (const event of batch.events) {
      const known = view.bySeq.get(event.seq);
      if (!known) view.bySeq.set(event.seq, event);
      else if (JSON.stringify(known) === JSON.stringify(event)) view.repeats += 1;
      else view.conflicts += 1;
    }
  }
  return [...views.values()].map(settled);
}

function settled({ bySeq, ...view }) {
  const events = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
  const of = (kind) => events.filter((event) => event.kind === kind);
  const last = of("engagement").at(-1);
  const name = view.batch.url.split(/[?#]/)[0].replace(/^.*\/t\/[a-z0-9-]+\//, "");
  return { ...view, name, events, of, engagedMs: last?.engaged_ms ?? 0, scrollPct: last?.scroll_pct ?? 0 };
}

/** What every answer of the worker has to be. */
export function answersAreGood(records) {
  for (const { status, answer, batch } of records) {
    if (status === undefined) continue;
    assert.equal(status, 202, `the worker refused a body with ${status}: ${JSON.stringify(answer)} ${JSON.stringify(batch)}`);
    assert.deepEqual(answer.rejected, [], `the worker refused events of ${JSON.stringify(batch.events)}`);
  }
}

/** What has to hold of every pageview, whatever the scenario. `isTail`: what follows a withdrawal of consent has no pageview event. */
export function isWhole(view, { isTail = false } = {}) {
  const where = `of ${view.name} (${view.id})`;
  assert.equal(view.conflicts, 0, `an event was sent twice with another content ${where}`);
  assert.deepEqual(view.events.map((event) => event.seq), view.events.map((_, seq) => seq), `seq has a gap ${where}: ${JSON.stringify(view.events)}`);
  const begins = view.of("pageview").map((event) => event.seq);
  assert.deepEqual(begins, isTail ? [] : [0], `more than one showing, or none, ${where}`);
  let before = { engaged_ms: 0, scroll_pct: 0 };
  for (const event of view.of("engagement")) {
    assert.ok(event.engaged_ms >= before.engaged_ms && event.scroll_pct >= before.scroll_pct, `a cumulative figure fell ${where}`);
    assert.ok(event.engaged_ms > before.engaged_ms || event.scroll_pct > before.scroll_pct, `an engagement says nothing new ${where}`);
    const wallMs = event.at_ms - view.events[0].at_ms;
    // A page of an application is told once its title is there, a little after it was shown.
    if (!isTail) assert.ok(event.engaged_ms <= wallMs + 250, `engaged ${event.engaged_ms} ms in ${wallMs} ms ${where}`);
    before = event;
  }
}

/** Runs in a page: everything that a page can keep on a device, by name. */
export async function deviceOf() {
  const ask = async (work) => {
    try {
      return await work();
    } catch {
      return [];
    }
  };
  return {
    local: await ask(() => Object.keys(localStorage)),
    session: await ask(() => Object.keys(sessionStorage)),
    cookies: await ask(() => document.cookie.split("; ").filter(Boolean)),
    databases: await ask(async () => (await indexedDB.databases()).map((each) => each.name)),
    caches: await ask(() => caches.keys()),
  };
}

export const EMPTY_DEVICE = { local: [], session: [], cookies: [], databases: [], caches: [] };
