// The least that a worker can do: reads the body and answers 204.
export default {
  async fetch(request) {
    await request.text();
    return new Response(null, { status: 204 });
  },
};
