/** @jsxImportSource npm:preact@11.2.0 */

/// <reference lib="dom" />
/** A tool: the model asks, the engine computes, and the tokens go back. @module */

import { computed, effect, type JSX, signal, untracked } from "../deps.ts";
import { isSumRight, sumQuestion } from "../engine/animals.ts";
import { Latest } from "../engine/client.ts";
import type { ToolStep } from "../engine/tool.ts";
import { visible } from "../parts/bars.tsx";
import { Button, Controls } from "../parts/controls.tsx";
import { Rows } from "../parts/rows.tsx";
import { choice, slider } from "../state.ts";
import { words } from "../words/labs.ts";
import { words as text } from "../words/tool.ts";
import { NeedsAnswerer, talkDevice } from "./answering.tsx";
import { answerer } from "./talk_models.ts";

const a = slider("toolA", text.a, 27, [10, 99, 1]);
const b = slider("toolB", text.b, 16, [10, 99, 1]);
const tool = choice("toolAnswers", text.hasTool, "on", text.tools);

const message = signal("");
const latest = new Latest("talk.tool", message);
/** The question that is answered, and the steps of the answer. */
const asked = signal("");
const told = signal<readonly ToolStep[]>([]);
/** The tokens that are shown, of all. */
const at = signal(0);

type TokenStep = ToolStep & { readonly kind: "token" };
const tokens = computed(() =>
  told.value.filter((step): step is TokenStep => step.kind === "token")
);

// An answer to another question would be wrong.
effect(() => {
  a.value, b.value, tool.value, answerer.value;
  untracked(() => {
    latest.stop();
    told.value = [];
    asked.value = "";
    at.value = 0;
  });
});

async function ask(): Promise<void> {
  const files = answerer.value;
  if (files === null) return;
  told.value = [];
  at.value = 0;
  asked.value = sumQuestion(a.value, b.value);
  const input = { files, question: asked.value, hasTool: tool.value === "on" };
  const steps: ToolStep[] = [];
  await latest.start(input, talkDevice.value, (step) => void steps.push(step));
  told.value = steps;
}

/** The names of special tokens. */
const [CALL, CALL_END, OUTPUT, OUTPUT_END, END] = [
  "<|python_start|>",
  "<|python_end|>",
  "<|output_start|>",
  "<|output_end|>",
  "<|assistant_end|>",
];

/** The calls that the engine heard, in order. */
const calls = computed(() => told.value.flatMap((step) => step.kind === "call" ? [step] : []));

/** The name of a special token without its brackets. */
const shortName = (token: string) => visible(token.replace(/^<\|(\w+)\|>$/, "$1"));

/** Says what happens at a token. */
function sayStep(i: number): string {
  const { steps } = text;
  const step = tokens.value[i];
  if (step === undefined) return steps.before;
  const before = tokens.value.slice(0, i).map((one) => one.text);
  const isInCall = before.lastIndexOf(CALL) > before.lastIndexOf(CALL_END);
  switch (step.text) {
    case CALL:
      return steps.callStart;
    case CALL_END: {
      // Without a call that was begun, it is a token like any other.
      const heard = calls.value[before.filter((one) => one === CALL_END).length];
      if (heard !== undefined) return steps.callEnd(heard.call, heard.answer);
      break;
    }
    case OUTPUT:
      return steps.outputStart;
    case OUTPUT_END:
      return steps.outputEnd;
    case END:
      return steps.end(isSumRight(a.value, b.value, before.join("")));
  }
  const name = shortName(step.text);
  if (!step.isSampled) return steps.output(name);
  return isInCall ? steps.inCall(name) : steps.text(name);
}

/** The answer as far as it is shown, and what happens now. */
function Steps(): JSX.Element {
  const all = tokens.value;
  const shown = all.slice(0, at.value);
  const known = at.value === all.length;
  const call = calls.value[0];
  const isCalled = shown.some((one) => one.text === CALL_END);
  return (
    <>
      <p>{text.question(asked.value)}</p>
      <p class="template stream" role="group" aria-label={text.tokens}>
        {shown.map((one, i) => (
          <code
            key={i}
            class={`${one.isSampled ? "first" : "second"} ${
              one.text.startsWith("<|") ? "special" : ""
            } ${i === shown.length - 1 ? "now" : ""}`}
          >
            {shortName(one.text)}
          </code>
        ))}
      </p>
      <ul class="legend">
        <li class="template">
          <code class="first">{text.byModel}</code>
        </li>
        <li class="template">
          <code class="second">{text.byEngine}</code>
        </li>
      </ul>
      <p role="status">
        {at.value === 0 ? text.steps.before : sayStep(at.value - 1)}
        {known && all.at(-1)?.text !== END && ` ${text.steps.cut}`}
      </p>
      <p class="buttons">
        <Button onClick={() => at.value--} disabled={at.value === 0}>{words.actions.back}</Button>
        <Button class="primary" onClick={() => at.value++} disabled={known}>
          {words.actions.next}
        </Button>
        <Button onClick={() => at.value = all.length} disabled={known}>{text.all}</Button>
        <span class="work">{text.step(at.value, all.length)}</span>
      </p>
      <Rows
        of="tool"
        rows={[
          [
            "toolCall",
            text.callRow,
            isCalled ? call?.call ?? words.network.none : words.network.none,
          ],
          [
            "toolAnswer",
            text.answerRow,
            isCalled ? call?.answer ?? words.network.none : words.network.none,
          ],
          ["toolSampled", text.sampledRow, `${shown.filter((one) => one.isSampled).length}`],
          ["toolForced", text.forcedRow, `${shown.filter((one) => !one.isSampled).length}`],
        ]}
      />
    </>
  );
}

/** The widget. */
export function ToolWidget(): JSX.Element {
  if (answerer.value === null) {
    return (
      <>
        <Controls of={[a, b, tool]} />
        <NeedsAnswerer />
      </>
    );
  }
  return (
    <>
      <Controls of={[a, b, tool]} />
      <p class="buttons">
        <Button class="primary" onClick={() => void ask()}>{text.ask}</Button>
      </p>
      {tokens.value.length > 0 ? <Steps /> : <p class="work">{message.value}</p>}
    </>
  );
}
