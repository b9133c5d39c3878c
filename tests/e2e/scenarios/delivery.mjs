// Does everything arrive once, whatever the collector and the network do meanwhile?

import assert from "node:assert/strict";

/** Keys of the outbox on the device. */
const outbox = (tab) => tab.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("pulso.batch.")));

/** A reader stays while the collector is ill, and it heals under the reader's eyes. */
function heals(name, fault, { attemptsMax, seconds = 8, options = {} }) {
  return {
    name,
    seconds,
    async play(stage) {
      stage.front.fault(stage.id, fault);
      const tab = await stage.open("a", { options }, { counts: false });
      const first = await stage.until("the first attempt", () => stage.records[0]);
      tab.truth.here(first.at);
      for (let n = 0; n < 5; n += 1) {
        await tab.move(200 + 10 * n, 300);
        await tab.read(500);
      }
      const attempts = stage.records.length;
      assert.ok(attempts <= attemptsMax, `${attempts} attempts in 2.5 s: a collector in trouble is hammered`);
      stage.front.heal(stage.id);
      const healed = Date.now();
      // Whoever got no answer to what arrived has to send it again.
      const isDone = () => (fault.kind === "mute" ? stage.views[0]?.repeats > 0 : stage.views.length > 0);
      while (!isDone() && Date.now() < healed + 8000) {
        await tab.move(300 + ((Date.now() - healed) % 200), 300);
        await tab.read(300);
      }
      await stage.begun("a");
      const left = await tab.leave();
      stage.engaged(await stage.told("a", left), tab.truth);
      stage.expects(["a"]);
    },
  };
}

/** A reader leaves while the collector is ill; the next page brings what was left. */
function nextPageBrings(name, fault) {
  return {
    name,
    seconds: 8,
    async play(stage) {
      stage.front.fault(stage.id, fault);
      const tab = await stage.open("a", { options: { consent: "full" } }, { counts: false });
      const first = await stage.until("the first attempt", () => stage.records[0]);
      tab.truth.here(first.at);
      await tab.move();
      await tab.read(1000);
      await tab.leave();
      // The beacon of leaving fails too.
      await stage.until("the beacon", () => stage.records.length > 1);
      stage.front.heal(stage.id);
      const next = stage.actor(tab.driver);
      await next.show("b", { options: { consent: "full" } });
      const view = await stage.told("a", 0);
      stage.engaged(view, tab.truth);
      await next.leave();
      stage.expects(["a", "b"], { anyOrder: true });
    },
  };
}

export default [
  heals("503, then well again", { kind: "503", retryAfter: 1 }, { attemptsMax: 3 }),
  heals("connections are dropped, then well again", { kind: "drop" }, { attemptsMax: 6 }),
  heals("answers are lost, then well again", { kind: "mute" }, { attemptsMax: 6 }),
  heals("no answer ever, then well again", { kind: "never" }, { attemptsMax: 2 }),
  heals("slow", { kind: "slow", ms: 3000 }, { attemptsMax: 1 }),
  nextPageBrings("503 while leaving: the next page brings it", { kind: "503" }),
  nextPageBrings("dropped while leaving: the next page brings it", { kind: "drop" }),
  nextPageBrings("no answer while leaving: the next page brings it", { kind: "never" }),
  {
    name: "what was beaconed is sent again and counts once",
    async play(stage) {
      const options = { consent: "full" };
      const tab = await stage.open("a", { options });
      await tab.move();
      await tab.read(700);
      const left = await tab.leave();
      await stage.told("a", left);
      const next = stage.actor(tab.driver);
      await next.show("b", { options });
      const view = await stage.until("the repeat", () => stage.viewsOf("a").find((each) => each.repeats > 0));
      stage.engaged(view, tab.truth);
      await stage.until("an empty outbox", async () => (await outbox(next)).length === 0);
      await next.leave();
      stage.expects(["a", "b"]);
    },
  },
  {
    name: "offline, then online",
    seconds: 8,
    needs: ["offline"],
    async play(stage) {
      const body = `<a id="b" href="b">B</a><p style="height:2000px"></p><script nonce="cGFnaW5h">b.onclick = (event) => { event.preventDefault(); history.pushState({}, "", "b"); }</script>`;
      const tab = await stage.open("a", { body });
      await tab.read(500);
      await tab.driver.offline(true);
      const off = Date.now();
      await tab.click("#b");
      await tab.read(1500);
      assert.deepEqual(stage.requestsSince(off), [], "the network is off");
      await tab.driver.offline(false);
      const on = Date.now();
      while (!stage.viewsOf("b").length && Date.now() < on + 8000) {
        await tab.move(300 + ((Date.now() - on) % 200), 300);
        await tab.read(300);
      }
      await stage.begun("b");
      const left = await tab.leave();
      stage.engaged(await stage.told("b", left), left - off);
      stage.expects(["a", "b"]);
    },
  },
  {
    name: "two tabs share an outbox",
    seconds: 9,
    needs: ["toggle"],
    async play(stage) {
      const options = { consent: "full" };
      stage.front.fault(stage.id, { kind: "drop" });
      const one = await stage.open("a", { options }, { counts: false });
      await stage.until("the first attempt", () => stage.records.length);
      const two = await stage.open("b", { options }, { counts: false });
      // pulso.batch.<pageview>.<first seq>.<events>
      const showings = async () => new Set((await outbox(two)).map((key) => key.split(".")[2])).size;
      await stage.until("bodies of both tabs on the device", async () => (await showings()) === 2);
      stage.front.heal(stage.id);
      for (let n = 0; n < 12 && stage.views.length < 2; n += 1) {
        await two.move(300 + 10 * n, 300);
        await two.read(500);
      }
      await one.driver.toFront();
      for (let n = 0; n < 12 && stage.views.length < 2; n += 1) {
        await one.move(300 + 10 * n, 300);
        await one.read(500);
      }
      await Promise.all([stage.begun("a"), stage.begun("b")]);
      assert.equal(new Set(stage.views.map((view) => view.batch.visitor)).size, 1, "one reader");
      await one.leave();
      await two.driver.toFront();
      await two.leave();
      stage.expects(["a", "b"], { anyOrder: true });
    },
  },
];
