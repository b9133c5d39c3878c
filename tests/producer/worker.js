// A test's own way into the retry queues, which nobody but the worker can write to: no part of the product.
// POST [queue, [{ body | bytes, contentType }, …]]: they leave in one batch. `wrangler dev` finds the consumer in the other process.
export default {
  async fetch(request, env) {
    if (request.method !== "POST") return new Response("the test's producer\n");
    const [queue, messages] = await request.json();
    const sent = messages.map(({ body, bytes, contentType }) => ({ body: bytes ? Uint8Array.from(bytes) : body, contentType }));
    await env[queue].sendBatch(sent);
    return Response.json({ sent: sent.length });
  },
};
