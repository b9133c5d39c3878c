// Stands before the worker and calls it through a service binding, as a portal's own worker may: no part of the product.
// `x-abort-after-ms` says when it goes away from its call, and then it answers 499; without it the call is waited for.
export default {
  async fetch(request, env) {
    const after = request.headers.get("x-abort-after-ms");
    if (after === null) return env.WORKER.fetch(request);
    const controller = new AbortController();
    const call = env.WORKER.fetch(new Request(request, { signal: controller.signal }));
    const timer = setTimeout(() => controller.abort(), Number(after));
    try {
      const answer = await call;
      // A body that is still to come would be cut off, too.
      return new Response(await answer.arrayBuffer(), answer);
    } catch {
      return new Response(null, { status: 499 });
    } finally {
      clearTimeout(timer);
    }
  },
};
