// kinesis-local listens on every address of the machine and has no option for it: this, loaded before it, keeps it at home.
"use strict";
const net = require("node:net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  const at = typeof first === "object" && first !== null ? { ...first, host: "127.0.0.1" } : { port: first, host: "127.0.0.1" };
  return listen.call(this, at, ...rest.filter((one) => typeof one === "function"));
};
