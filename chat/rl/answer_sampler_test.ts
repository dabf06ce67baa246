import { assert, assertEquals } from "@std/assert";
import { loadModel } from "../../gpt/mod.ts";
import { Tensor } from "../../gpt/internals.ts";
import { MuonAdamW } from "../../optim/mod.ts";
import { letters, reinforceLetters } from "../testing/letters.ts";
import { AnswerSampler } from "./answer_sampler.ts";
import { addGradients, hasNoSignal, updatePolicy } from "./policy_step.ts";
import { withDefaults } from "./reinforce_options.ts";

Deno.test("answers are rewarded by the task, and another step samples others", async () => {
  const settings = withDefaults(await reinforceLetters({ maxNewTokens: 3 }));
  const { device, checkpoint } = settings;
  const sampler = new AnswerSampler(settings, await loadModel(checkpoint, device));
  const [group] = await sampler.ask(letters, [2], 0);
  assertEquals(group!.rollouts.length, 8);
  for (const { ids, mask, reward } of group!.rollouts) {
    assertEquals(ids.length, mask.length);
    assert(ids.length <= 3);
    const text = checkpoint.tokenizer.decode([...ids]);
    assertEquals(reward, await letters.isRight(letters.get(2), text) ? 1 : 0);
  }
  assertEquals(await sampler.ask(letters, [2], 0), [group]);
  const rewardsOf = (_: unknown, texts: readonly string[]) => texts.map((_, i) => i / 8);
  const [{ rollouts } = group!] = await sampler.ask({ ...letters, rewardsOf }, [2], 0);
  assertEquals(rollouts, group!.rollouts.map((one, i) => ({ ...one, reward: i / 8 })));
  assert(JSON.stringify(await sampler.ask(letters, [2], 1)) !== JSON.stringify([group]));
  await device.close();
});

Deno.test("a question that is longer than the model reads has answers without a signal", async () => {
  const settings = withDefaults(await reinforceLetters());
  const { device, checkpoint } = settings;
  const sampler = new AnswerSampler(settings, await loadModel(checkpoint, device));
  const long = {
    ...letters.get(0),
    messages: letters.get(0).messages.with(0, {
      role: "user",
      content: "0".repeat(500),
    }),
  };
  const [group] = await sampler.ask({ ...letters, get: () => long }, [0], 0);
  assertEquals(group!.rollouts, Array(8).fill({ ids: [], mask: [], reward: 0 }));
  assert(hasNoSignal(group!));
  await device.close();
});

Deno.test("a group makes what was right likelier; one whose answers are alike changes nothing", async () => {
  const settings = withDefaults(await reinforceLetters({ deviceBatchSize: 1, examplesPerStep: 1 }));
  const { device, checkpoint } = settings;
  const model = await loadModel(checkpoint, device);
  const prompt = [checkpoint.tokenizer.special("<|bos|>"), 50];
  const rollouts = [{ ids: [97], mask: [1], reward: 1 }, { ids: [98], mask: [1], reward: 0 }];
  const optimizer = new MuonAdamW(model.optimizerGroups({}));
  const hasGradient = () => [...model.parameters().values()].some(({ grad }) => grad !== null);
  /** By how much the logit of the right token is above that of the wrong one. */
  const lead = async (): Promise<number> => {
    using _scope = device.scope();
    const ids = Tensor.from(device, [prompt], { dtype: "int32" });
    const logits = await model.forward(ids).slice(1, -1).data();
    return Number(logits[97]) - Number(logits[98]);
  };
  const before = await lead();
  const silent = { prompt, rollouts: rollouts.map((one) => ({ ...one, reward: 1 })) };
  assert(hasNoSignal(silent) && !hasNoSignal({ prompt, rollouts }));
  addGradients(model, [silent], settings);
  assert(!hasGradient());
  addGradients(model, [{ prompt, rollouts }], settings);
  assert(hasGradient());
  await updatePolicy(model, optimizer, 0.05);
  assert(await lead() > before + 0.01, `${before}, ${await lead()}`);
  assert(!hasGradient());
  await device.close();
});
