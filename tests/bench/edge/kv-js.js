// What a worker that only looks its answer up costs: one read of KV for each request, and the value is the answer.
export default {
  async fetch(request, env) {
    const portal = new URL(request.url).searchParams.get("portal");
    const answer = await env.STORE.get(`answer/${portal}`);
    if (answer === null) return new Response("not found", { status: 404 });
    return new Response(answer, {
      headers: { "content-type": "application/json", "cache-control": "private, no-store", "x-content-type-options": "nosniff" },
    });
  },
};
