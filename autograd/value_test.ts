import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { checkValues } from "./gradcheck.ts";
import { Value } from "./value.ts";

/** An operation on one value, and points to check its gradient at. */
interface UnaryCase {
  readonly name: string;
  readonly run: (x: Value) => Value;
  readonly reference: (x: number) => number;
  /** Points for finite differences: ordinary numbers, and numbers near the ends of the range. */
  readonly smooth: readonly number[];
  /** Points where they fail: pairs of the input and the expected gradient. */
  readonly corners: readonly (readonly [number, number])[];
}

const unary: readonly UnaryCase[] = [
  {
    name: "neg",
    run: (x) => x.neg(),
    reference: (x) => -x,
    smooth: [-3, 0, 0.5, 1e150, -1e300],
    corners: [[Infinity, -1], [-Infinity, -1], [NaN, -1]],
  },
  {
    name: "exp",
    run: (x) => x.exp(),
    reference: Math.exp,
    smooth: [-700, -3, 0, 0.5, 20],
    corners: [[700, Math.exp(700)], [-Infinity, 0], [Infinity, Infinity], [NaN, NaN], [
      1000,
      Infinity,
    ]],
  },
  {
    name: "log",
    run: (x) => x.log(),
    reference: Math.log,
    smooth: [0.01, 0.5, 1, 20, 1e300],
    corners: [[0, Infinity], [Infinity, 0], [NaN, NaN]],
  },
  {
    name: "tanh",
    run: (x) => x.tanh(),
    reference: Math.tanh,
    smooth: [-400, -3, -0.5, 0, 0.5, 3, 400],
    corners: [[Infinity, 0], [-Infinity, 0], [NaN, NaN]],
  },
  {
    name: "sigmoid",
    run: (x) => x.sigmoid(),
    reference: (x) => 1 / (1 + Math.exp(-x)),
    smooth: [-800, -3, -0.5, 0, 0.5, 3, 800],
    corners: [[Infinity, 0], [-Infinity, 0], [NaN, NaN]],
  },
  {
    name: "relu",
    run: (x) => x.relu(),
    reference: (x) => Math.max(0, x),
    smooth: [-1e300, -3, -0.5, 0.5, 3, 1e300],
    corners: [[0, 0], [-0, 0], [Infinity, 1], [-Infinity, 0], [NaN, 1]],
  },
];

const numbers = [-Infinity, -1e300, -20, -1, -0, 0, 1e-300, 0.5, 1, 20, 710, 1e300, Infinity, NaN];

for (const { name, run, reference, smooth, corners } of unary) {
  Deno.test(`${name} equals Math at every kind of number`, () => {
    for (const x of numbers) assertEquals(run(new Value(x)).data, reference(x), `at ${x}`);
  });

  Deno.test(`the gradient of ${name} matches finite differences`, () => {
    for (const x of smooth) checkValues(([x]) => run(x!), [x]);
  });

  Deno.test(`the gradient of ${name} is defined where finite differences are not`, () => {
    for (const [x, gradient] of corners) {
      const value = new Value(x);
      run(value).backward();
      assertEquals(value.grad, gradient, `at ${x}`);
    }
  });
}

interface BinaryCase {
  readonly name: string;
  readonly run: (a: Value, b: Value | number) => Value;
  readonly reference: (a: number, b: number) => number;
  readonly smooth: readonly (readonly [number, number])[];
  /** The two inputs, and the gradients of both. */
  readonly corners: readonly (readonly [number, number, number, number])[];
}

const binary: readonly BinaryCase[] = [
  {
    name: "add",
    run: (a, b) => a.add(b),
    reference: (a, b) => a + b,
    smooth: [[1, 2], [-3, 0], [1e150, -1e150], [1e300, 1e300]],
    corners: [[Infinity, -Infinity, 1, 1], [NaN, 0, 1, 1]],
  },
  {
    name: "sub",
    run: (a, b) => a.sub(b),
    reference: (a, b) => a - b,
    smooth: [[1, 2], [-3, 0], [1e150, -1e150], [1e300, -1e300]],
    corners: [[Infinity, Infinity, 1, -1], [NaN, 0, 1, -1]],
  },
  {
    name: "mul",
    run: (a, b) => a.mul(b),
    reference: (a, b) => a * b,
    smooth: [[1, 2], [-3, 0.5], [0, 0], [0, 4], [1e150, 1e150]],
    corners: [[Infinity, 0, 0, Infinity], [NaN, 2, 2, NaN]],
  },
  {
    name: "div",
    run: (a, b) => a.div(b),
    reference: (a, b) => a / b,
    smooth: [[1, 2], [-3, 0.5], [0, 4], [1e150, 1e150]],
    corners: [[1, 0, Infinity, -Infinity], [0, 0, Infinity, NaN], [1, Infinity, 0, -0]],
  },
  {
    name: "pow",
    run: (a, b) => a.pow(b),
    reference: Math.pow,
    smooth: [[2, 3], [0.5, -1.5], [1, 0], [1e-3, 2]],
    corners: [
      [1e100, 2, 2e100, 1e200 * Math.log(1e100)],
      [0, 2, 0, 0],
      [0, 1, 1, 0],
      [0, 0, 0, -Infinity],
      [-2, 3, 12, NaN],
      [
        NaN,
        2,
        NaN,
        NaN,
      ],
    ],
  },
];

for (const { name, run, reference, smooth, corners } of binary) {
  Deno.test(`${name} equals Math for every pair of kinds of numbers`, () => {
    for (const a of numbers) {
      for (const b of numbers) {
        assertEquals(run(new Value(a), new Value(b)).data, reference(a, b), `at ${a}, ${b}`);
        assertEquals(run(new Value(a), b).data, reference(a, b), `at ${a}, plain ${b}`);
      }
    }
  });

  Deno.test(`both gradients of ${name} match finite differences`, () => {
    for (const [a, b] of smooth) checkValues(([a, b]) => run(a!, b!), [a, b]);
  });

  Deno.test(`the gradients of ${name} are defined where finite differences are not`, () => {
    for (const [x, y, dx, dy] of corners) {
      const a = new Value(x), b = new Value(y);
      run(a, b).backward();
      assertEquals([a.grad, b.grad], [dx, dy], `at ${x}, ${y}`);
    }
  });

  Deno.test(`${name} takes a plain number, with the same gradient for the other input`, () => {
    for (const [a, b] of smooth) checkValues(([a]) => run(a!, b), [a]);
  });
}

Deno.test("the gradient of a negative number to a constant power is not NaN", () => {
  checkValues(([x]) => x!.pow(3), [-2]);
  const x = new Value(-2);
  const cube = x.pow(3);
  cube.backward();
  assertEquals(cube.inputs.map((input) => input instanceof Value && input.grad), [12, 0]);
});

Deno.test("a value with several users gets the sum of their gradients", () => {
  checkValues(([x, y]) => x!.mul(x!).mul(y!).add(x!.div(y!)).sub(y!.tanh().mul(x!)), [0.7, -1.3]);
});

Deno.test("intermediate values keep their gradients", () => {
  const x = new Value(3);
  const square = x.mul(x);
  const root = square.mul(2);
  root.backward();
  assertEquals([root.grad, square.grad, x.grad], [1, 2, 12]);
});

Deno.test("gradients accumulate over backward passes until they are zeroed", () => {
  const x = new Value(3);
  x.mul(2).backward();
  x.mul(5).backward();
  assertEquals(x.grad, 7);
  x.zeroGrad();
  assertEquals(x.grad, 0);
});

Deno.test("a second backward through the same computation is an error with the reason", () => {
  const x = new Value(3);
  const root = x.mul(2);
  root.backward();
  const error = assertThrows(() => root.backward(), Error);
  assertStringIncludes(error.message, 'Cannot run backward through "mul" again');
  assertEquals(x.grad, 2);
});

Deno.test("gradients use the numbers of the forward pass, whatever data is set to later", () => {
  const a = new Value(3), b = new Value(5);
  const product = a.mul(b).add(a.pow(2)).add(b.log()).add(a.relu());
  a.data = -100;
  b.data = -100;
  product.backward();
  assertEquals([a.grad, b.grad], [5 + 6 + 1, 3 + 1 / 5]);
});

Deno.test("a chain of 100,000 values runs forward and backward", () => {
  const x = new Value(1);
  let y = x;
  for (let i = 0; i < 100_000; i++) y = i % 2 === 0 ? y.add(x) : y.sub(x);
  y.add(x).backward();
  assertEquals(x.grad, 2);
});

Deno.test("only numbers are accepted", () => {
  const text: unknown = "3";
  // The type checker refuses it; JavaScript callers can still pass it.
  const error = assertThrows(() => Reflect.construct(Value, [text]), TypeError);
  assertEquals(error.message, "Cannot make a Value: wanted a number, got string");
});

Deno.test("a value prints itself without its graph", () => {
  const w = new Value(1, { label: "w" });
  w.mul(3).backward();
  assertEquals(`${w}`, "Value(w = 1, grad = 3)");
  assertEquals(Deno.inspect(new Value(2).mul(w)), "Value(2, grad = 0)");
});

Deno.test("a leaf can be the root of several backward passes", () => {
  const x = new Value(3);
  x.backward();
  x.backward();
  assertEquals(x.grad, 2);
  assert(x.isLeaf);
});

Deno.test("operators, which JavaScript cannot define for a class, name the methods", () => {
  // The type checker refuses them; JavaScript callers can still write them.
  // deno-lint-ignore no-explicit-any
  const a: any = new Value(2);
  for (const wrong of [() => 1 - a, () => a + 1, () => a * a, () => a > 1, () => -a]) {
    const error = assertThrows(wrong, TypeError);
    assertEquals(
      error.message,
      "Cannot use Value(2, grad = 0) as a number: wanted a method, as in a.add(1), a.sub(1), " +
        "a.mul(2), or a.data, got an operator",
    );
  }
});
