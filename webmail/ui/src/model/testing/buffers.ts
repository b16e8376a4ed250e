// Vitest takes any two ArrayBuffers for equal, since they have no properties to compare: here
// they are what is in them. It is read before each file of tests.

import { expect } from "vitest";

expect.addEqualityTesters([
  (a: unknown, b: unknown) => {
    if (!(a instanceof ArrayBuffer && b instanceof ArrayBuffer)) return undefined;
    const [x, y] = [new Uint8Array(a), new Uint8Array(b)];
    return x.length === y.length && x.every((octet, i) => octet === y[i]);
  },
]);
