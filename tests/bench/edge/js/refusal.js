// A request that is refused, with a stable code.
export class Refusal extends Error {
  constructor(status, code, message, rejected) {
    super(message);
    this.status = status;
    this.code = code;
    this.rejected = rejected;
  }

  body() {
    const error = { code: this.code, message: this.message };
    if (this.rejected) error.rejected = this.rejected;
    return { error };
  }
}

export const missing = (field) => new Refusal(422, "missing_field", `field ${field} is missing`);
export const bad = (field) => new Refusal(422, "bad_field", `field ${field} is not right`);
