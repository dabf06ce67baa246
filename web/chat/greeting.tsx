/** @jsxImportSource npm:preact@11.2.0 */

/** An empty chat: a card of the model, and suggested messages. @module */

import { type JSX, useEffect, useRef } from "../deps.ts";
import { Button } from "../parts/controls.tsx";
import { Mark } from "../parts/mark.tsx";
import { words } from "../words/chat.ts";
import type { ModelInfo } from "./backend.ts";
import { focusComposer, send } from "./composer.tsx";

/** As many of the model's examples as are shown. */
const MAX_EXAMPLES = 6;

/** A greeting, with examples as buttons that say them. */
export function Greeting({ of }: { readonly of: ModelInfo }): JSX.Element {
  const { id, assistant_name: name, stage, examples } = of;
  const isBase = stage === "base";
  const shown = examples.length > 0 ? examples : isBase ? words.openings : [];
  return (
    <div class="greeting">
      <Mark />
      <h2>{isBase ? words.baseGreeting(id) : words.greeting(name ?? id)}</h2>
      <p>{isBase ? words.baseAble : words.able}</p>
      <ul class="chips">
        {shown.slice(0, MAX_EXAMPLES).map((example) => (
          <li key={example}>
            <Button
              onClick={() => {
                send(example);
                focusComposer();
              }}
            >
              {example}
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** A card with facts about the model. */
export function Card({ of }: { readonly of: ModelInfo }): JSX.Element {
  const card = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    // It lies over the chat: whoever goes on there is done with it.
    const close = ({ target }: Event) => {
      if (!card.current!.contains(target as Node)) card.current!.open = false;
    };
    for (const type of ["pointerdown", "focusin"]) document.addEventListener(type, close);
    return () => {
      for (const type of ["pointerdown", "focusin"]) document.removeEventListener(type, close);
    };
  }, []);
  const { cardRows: names } = words;
  const rows = [
    [names.origin, of.origin],
    [names.parameters, of.parameters?.toLocaleString("en") ?? ""],
    [names.layers, of.layers?.toString() ?? ""],
    [names.vocabulary, of.vocabulary.toLocaleString("en")],
    [names.context, of.context_length.toLocaleString("en")],
    ...of.facts ?? [],
  ] as const;
  return (
    <details class="card" ref={card}>
      <summary title={words.card}>
        <span class="unseen">{words.card}</span>
        {of.id}
      </summary>
      <div>
        <p>
          <b>{of.id}</b>
        </p>
        <p>{words.stages[of.stage] ?? of.stage}</p>
        <dl>
          {rows.filter(([, value]) => value !== "").map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <p class="note">{of.facts === undefined ? words.served : words.inPage}</p>
      </div>
    </details>
  );
}
