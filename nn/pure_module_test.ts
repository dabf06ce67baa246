import { assertEquals, assertThrows } from "@std/assert";
import { testOnEveryDevice } from "../testing/every_device.ts";
import { type Device, noGrad, Tensor } from "../tensor/mod.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { PureModule } from "./pure_module.ts";

/** The same computation in a pure module and in a plain one. */
const compute = (layers: readonly Linear[], x: Tensor): Tensor =>
  layers.reduce((y, layer) => y.add(layer.forward(y.mul(0.5)).tanh()), x);

class Plain extends Module {
  readonly layers: readonly Linear[];
  constructor(device: Device) {
    super();
    this.layers = [1, 2, 3].map((seed) => new Linear(device, 8, 8, { seed }));
  }
  forward(x: Tensor): Tensor {
    return compute(this.layers, x);
  }
}

class Pure extends PureModule {
  readonly layers: readonly Linear[];
  constructor(device: Device) {
    super();
    this.layers = [1, 2, 3].map((seed) => new Linear(device, 8, 8, { seed }));
  }
  forward(x: Tensor): Tensor {
    return compute(this.layers, x);
  }
}

testOnEveryDevice("a pure module leaves nothing but its result", (device) => {
  const module = new Pure(device);
  using _scope = device.scope();
  const x = Tensor.ones(device, [4, 8]);
  const before = device.live;
  noGrad(() => module.forward(x));
  assertEquals(device.live, before + 1);
});

testOnEveryDevice("backward works through a pure module as through a plain one", async (device) => {
  const gradients = async (module: Plain | Pure) => {
    const x = Tensor.ones(device, [4, 8], { requiresGrad: true });
    const y = module.forward(x);
    y.square().sum().backward();
    const all = [x, ...module.parameters().values()];
    return await Promise.all(all.map(({ grad }) => grad!.data()));
  };
  assertEquals(await gradients(new Pure(device)), await gradients(new Plain(device)));
});

testOnEveryDevice("a pure module may be a part of another, and return its input", (device) => {
  class Same extends PureModule {
    forward(x: Tensor): Tensor {
      x.mul(2);
      return x;
    }
  }
  class Outer extends PureModule {
    readonly inner = new Same();
    forward(x: Tensor): Tensor {
      return this.inner.forward(x.add(1)).add(1);
    }
  }
  const x = Tensor.ones(device, [2]);
  const before = device.live;
  const same = new Same();
  {
    using _scope = device.scope();
    // It is nobody's result: it stays where it was.
    same.forward(x);
    new Outer().forward(x);
  }
  assertEquals(device.live, before);
  assertEquals(x.shape, [2]);
  void x.allocation;
});

testOnEveryDevice("parameters of a pure module have the names of its fields", (device) => {
  assertEquals([...new Pure(device).parameters().keys()], [
    ...new Plain(device).parameters().keys(),
  ]);
});

testOnEveryDevice("a pure module without a forward that returns a tensor is refused", (device) => {
  class Nothing extends PureModule {}
  assertThrows(() => new Nothing(), TypeError, "Cannot create a Nothing: wanted a method forward");
  class Several extends PureModule {
    forward(x: Tensor): Tensor[] {
      return [x];
    }
  }
  assertThrows(() => new Several().forward(Tensor.ones(device, [1])), TypeError, "wanted a tensor");
});

testOnEveryDevice("a pure module's result is computed when it returns", (device) => {
  class Wide extends PureModule {
    readonly linear = new Linear(device, 8, 1024, { seed: 1, bias: false });
    forward(x: Tensor): Tensor {
      return this.linear.forward(x);
    }
  }
  using _scope = device.scope();
  const x = Tensor.ones(device, [256, 8]);
  const module = new Wide();
  assertEquals(module.linear.forward(x).storage.deferral === null, false);
  assertEquals(module.forward(x).storage.deferral === null, true);
});
