/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** Reward: samples of one question, what they are worth, and which tokens are pushed. @module */

import { computed, effect, type JSX, signal, untracked } from "../deps.ts";
import { Latest } from "../engine/client.ts";
import type { RewardedAnswer, RewardedToken, RewardProgress } from "../engine/reward.ts";
import { visible } from "../parts/bars.tsx";
import { Button, Controls, Slider } from "../parts/controls.tsx";
import { fixed, nearest } from "../parts/number.ts";
import { Rows, Table } from "../parts/rows.tsx";
import { slider } from "../state.ts";
import { words as text } from "../words/reward.ts";
import { NeedsAnswerer, talkDevice } from "./answering.tsx";
import { StepsPlot } from "./loop.tsx";
import { answerer, setTalkModels, talkModels } from "./talk_models.ts";

const steps = slider("rewardSteps", text.steps, 24, [4, 40, 4]);
/** The step that is shown, and the answer whose tokens are. */
const look = slider("rewardLook", text.look, 40, [1, 40, 1]);
const chosen = slider("rewardAnswer", text.chosen, 1, [1, 8, 1]);

const message = signal("");
const latest = new Latest("talk.reward", message);
type Step = RewardProgress & { readonly kind: "step" };
const taken = signal<readonly Step[]>([]);
const isPaused = signal(false);

const shown = computed(() => taken.value[nearest(look.value, taken.value.length) - 1]);

function start(): void {
  // The model that was taught: rewards begin from there each time.
  const files = taught.value;
  if (files === null) return;
  taken.value = [];
  isPaused.value = false;
  message.value = text.starting;
  void latest.start({ files, steps: steps.value, seed: 1 }, talkDevice.value, (event) => {
    if (event.kind === "step") {
      taken.value = [...taken.value, event];
      look.value = event.step;
    } else setTalkModels({ rewarded: event.files });
  });
}

/** Pauses, or goes on; `one` goes on to the next step only. */
function hold(one: boolean): void {
  latest.run.value?.(one ? "step" : isPaused.value ? "resume" : "pause");
  isPaused.value = one || !isPaused.value;
}

// Steps from another model are none of this one.
const taught = computed(() => talkModels.value.taught);
effect(() => {
  taught.value;
  untracked(() => {
    latest.stop();
    taken.value = [];
  });
});

const percent = (x: number) => Math.round(100 * x);

function status(): string {
  const last = taken.value.at(-1);
  if (last === undefined) return message.value || text.untrained;
  if (latest.run.value !== null || last.step < steps.value) {
    return text.now(last.step, steps.value, percent(last.right));
  }
  // A step of few answers is a matter of luck, so several tell how it ended.
  const end = taken.value.slice(-3);
  const mean = end.reduce((sum, { right }) => sum + right, 0) / end.length;
  return text.done(percent(taken.value[0]!.right), percent(mean));
}

/** How a token is pushed: up in an answer that is better than the others, down in one that is worse. */
function pushOf({ isSampled }: RewardedToken, { advantage }: RewardedAnswer): "up" | "down" | "" {
  return !isSampled || advantage === 0 ? "" : advantage > 0 ? "up" : "down";
}

/** The strength of a push: the advantage, times what the token lacked to be certain. */
const strengthOf = ({ before }: RewardedToken, { advantage }: RewardedAnswer) =>
  Math.min(1, 2 * Math.abs(advantage) * (1 - before));

/** All answers to the question that is shown. */
function Answers({ step }: { readonly step: Step }): JSX.Element {
  return (
    <>
      <h3>{text.question(step.question)}</h3>
      <ol class="answers">
        {step.answers.map((answer, i) => (
          <li key={i} aria-current={i === chosen.value - 1 ? "true" : undefined}>
            <span
              class={answer.reward === 1 ? "right" : "wrong"}
              role="img"
              aria-label={answer.reward === 1 ? text.rightAnswer : text.wrongAnswer}
            >
              {answer.reward === 1 ? "✓" : "✗"}
            </span>
            <small>{text.reward(answer.reward, signed(answer.advantage))}</small>
            <span class="template">
              {answer.tokens.map((token, j) => (
                <code
                  key={j}
                  class={`push ${pushOf(token, answer)}`}
                  style={{ "--strength": strengthOf(token, answer).toFixed(2) }}
                >
                  {shortName(token.text)}
                </code>
              ))}
            </span>
          </li>
        ))}
      </ol>
      <ul class="legend">
        {(["up", "down", ""] as const).map((push) => (
          <li key={push} class="template">
            <code class={`push ${push}`} style={{ "--strength": "0.8" }}>
              {push === "up" ? text.up : push === "down" ? text.down : text.byEngine}
            </code>
          </li>
        ))}
      </ul>
    </>
  );
}

/** The name of a special token without its brackets. */
const shortName = (token: string) => visible(token.replace(/^<\|(\w+)\|>$/, "$1"));

const signed = (x: number) => `${x > 0 ? "+" : ""}${fixed(x, 3)}`;

/** The tokens of one answer with their probabilities. */
function Pushes({ step }: { readonly step: Step }): JSX.Element {
  const at = nearest(chosen.value, step.answers.length);
  const answer = step.answers[at - 1]!;
  const arrows = { up: text.pushUp, down: text.pushDown, "": text.noPush };
  return (
    <details>
      <summary>{text.pushes(at)}</summary>
      <p class="work">{text.together}</p>
      <Slider of={chosen} most={step.answers.length} />
      <div class="tall">
        <Table
          id="pushes"
          label={text.pushes(at)}
          head={text.columns}
          rows={answer.tokens.map((token) => [
            shortName(token.text),
            fixed(token.before, 4),
            fixed(token.after, 4),
            arrows[pushOf(token, answer)],
          ])}
        />
      </div>
    </details>
  );
}

/** The widget. */
export function RewardWidget(): JSX.Element {
  if (answerer.value === null) return <NeedsAnswerer />;
  const step = shown.value;
  const run = latest.run.value;
  return (
    <>
      <div class="controls">
        <Controls of={[steps]} />
      </div>
      <p class="buttons">
        <Button class="primary" onClick={start}>
          {taken.value.length === 0 ? text.start : text.again}
        </Button>
        <Button onClick={() => hold(false)} disabled={run === null}>
          {isPaused.value ? text.resume : text.hold}
        </Button>
        <Button onClick={() => hold(true)} disabled={run === null}>{text.one}</Button>
      </p>
      <p role="status">{status()}</p>
      <div class="pair">
        <StepsPlot
          title={text.plot}
          yName={text.share}
          steps={steps.value}
          highest={1.1}
          curves={[
            {
              name: text.right,
              color: "c",
              points: taken.value.map(({ step, right }) => [step, right]),
            },
            {
              name: text.calls,
              color: "a",
              look: "dashed",
              points: taken.value.map(({ step, calls }) => [step, calls]),
            },
          ]}
        />
        {step !== undefined && (
          <div>
            <div class="controls">
              <Slider of={look} most={taken.value.length} />
            </div>
            <Rows
              of="reward"
              rows={[
                ["rewardRight", text.rightRow, `${percent(step.right)} %`],
                ["rewardCalls", text.callsRow, `${percent(step.calls)} %`],
              ]}
            />
          </div>
        )}
      </div>
      {step !== undefined && (
        <>
          <Answers step={step} />
          <Pushes step={step} />
        </>
      )}
    </>
  );
}
