/** @jsxImportSource npm:preact@11.2.0 */

/** The lesson as one page. @module */

import type { JSX } from "../deps.ts";
import { Mark } from "../parts/mark.tsx";
import { Table } from "../parts/rows.tsx";
import type { SymbolCode } from "../symbols.ts";
import { ideas } from "../words/ideas.ts";
import { labs } from "./labs.tsx";
import { Opening } from "./opening.tsx";
import type { Prose } from "./prose.tsx";
import { widgets } from "./widgets.ts";
import { words as text } from "../words/page.ts";

export interface PageParts {
  /** The sections by their addresses, with one before and one after them. */
  readonly prose: ReadonlyMap<string, Prose>;
  /** Finds code by `path#symbol`. */
  readonly codeOf: (reference: string) => SymbolCode;
  /** The address of a file's source, relative to the page. */
  readonly sourceOf: (path: string) => string;
}

function Code({ reference, codeOf, sourceOf }: PageParts & { readonly reference: string }) {
  const { path, line, html } = codeOf(reference);
  const name = text.line(path, line);
  return (
    <figure class="code">
      <figcaption>
        <a href={`${sourceOf(path)}#L${line}`}>{name}</a>
      </figcaption>
      <pre tabIndex={0} role="region" aria-label={name} data-code={reference}>
        <code dangerouslySetInnerHTML={{ __html: html }} />
      </pre>
    </figure>
  );
}

const all: Readonly<Record<string, () => JSX.Element>> = { ...widgets, ...labs };

function Widget({ name, title }: { readonly name: string; readonly title: string }) {
  const Named = Object.hasOwn(all, name) ? all[name] : undefined;
  if (Named === undefined) {
    const names = Object.keys(all).join(", ");
    throw new Error(`Cannot build the lesson: wanted a widget among ${names}, got ${name}`);
  }
  return (
    <figure>
      <figcaption id={`${name}-title`}>{title}</figcaption>
      <div data-widget={name}>
        <Named />
      </div>
    </figure>
  );
}

/** The address of the last section. */
const LAST = "ideas";

/** The sections as links, with the time that each one takes. */
function Index({ prose }: Pick<PageParts, "prose">): JSX.Element {
  const sections = [...prose].filter(([id]) => id !== "");
  return (
    <details class="index">
      <summary>{text.contents}</summary>
      <nav aria-label={text.contents}>
        <p class="brand">
          <Mark />
          {text.brand}
        </p>
        <ol start={0}>
          {sections.map(([id, { title, minutes }]) => (
            <li key={id}>
              <a href={`#${id}`}>{title}</a>
              <small>{text.minutes(minutes)}</small>
            </li>
          ))}
        </ol>
      </nav>
    </details>
  );
}

export function Page(parts: PageParts): JSX.Element {
  const head = parts.prose.get("")!;
  const { title, blocks: [about, next] } = parts.prose.get(LAST)!;
  const sections = [...parts.prose].filter(([id]) => id !== "" && id !== LAST);
  return (
    <>
      <a class="skip" href="#rules">{text.skip}</a>
      <div class="progress" aria-hidden="true" />
      <Index {...parts} />
      <div class="page">
        <header>
          <div>
            <h1>{head.title}</h1>
            {head.blocks}
            <noscript>
              <p>{text.noscript}</p>
            </noscript>
          </div>
          <div data-widget="opening">
            <Opening />
          </div>
        </header>
        <main>
          {sections.map(([id, { title, blocks, widgets, isWide, code, more }], i) => (
            <section
              key={id}
              id={id}
              class={isWide ? "wide" : ""}
              aria-labelledby={`${id}-heading`}
            >
              <h2 id={`${id}-heading`}>
                <span>{i}</span> {title}
              </h2>
              <div class="text">{blocks}</div>
              {widgets.length > 0 && (
                <div class="widgets">
                  <div>
                    {widgets.map(([name, title]) => (
                      <Widget key={name} name={name} title={title} />
                    ))}
                  </div>
                </div>
              )}
              <footer>
                {code.length > 0 && (
                  <details class="codes">
                    <summary>{text.code}</summary>
                    {code.map((reference) => (
                      <Code key={reference} reference={reference} {...parts} />
                    ))}
                  </details>
                )}
                {more.length > 0 && <div class="more">{more}</div>}
                <Next to={sections[i + 1]?.[0] ?? LAST} prose={parts.prose} />
              </footer>
            </section>
          ))}
          <section id={LAST} class="wide" aria-labelledby="ideas-heading">
            <h2 id="ideas-heading">
              <span>{sections.length}</span> {title}
            </h2>
            <div class="text">{about}</div>
            <Table
              head={text.ideas}
              rows={ideas.map(({ idea, path, nanochat, becomes }) => [
                idea,
                <a key={path} href={parts.sourceOf(path)}>{path}</a>,
                nanochat,
                becomes,
              ])}
            />
            <div class="text">{next}</div>
          </section>
        </main>
      </div>
    </>
  );
}

function Next({ to, prose }: { readonly to: string } & Pick<PageParts, "prose">): JSX.Element {
  return <a class="next" href={`#${to}`}>{text.next(prose.get(to)!.title)}</a>;
}
