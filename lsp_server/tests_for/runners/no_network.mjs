// Vite asks for the address of localhost before it does anything, and in the sandbox nobody can tell: say it here.

import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";

dns.promises.lookup = async (_name, options) => {
  const found = { address: "127.0.0.1", family: 4 };
  return options?.all ? [found] : found;
};
syncBuiltinESMExports();
