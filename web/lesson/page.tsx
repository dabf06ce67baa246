/** @jsxImportSource npm:preact@11.2.0 */

/** The lesson as one page. @module */

import { ideas } from "../../lessons/ideas.ts";
import type { JSX } from "../deps.ts";
import { Table } from "../parts/rows.tsx";
import type { SymbolCode } from "../symbols.ts";
import type { Prose } from "./prose.tsx";
import { widgets } from "./widgets.ts";
import { words } from "./words.ts";

const { page: text } = words;

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

function Widget({ name, title }: { readonly name: string; readonly title: string }) {
  if (!Object.hasOwn(widgets, name)) {
    const names = Object.keys(widgets).join(", ");
    throw new Error(`Cannot build the lesson: wanted a widget among ${names}, got ${name}`);
  }
  const Named = widgets[name as keyof typeof widgets];
  return (
    <figure>
      <figcaption id={`${name}-title`}>{title}</figcaption>
      <div data-widget={name}>
        <Named />
      </div>
    </figure>
  );
}

export function Page(parts: PageParts): JSX.Element {
  const head = parts.prose.get("")!;
  const { title, blocks: [about, next] } = parts.prose.get("ideas")!;
  const sections = [...parts.prose].filter(([id]) => id !== "" && id !== "ideas");
  return (
    <>
      <a class="skip" href="#rules">{text.skip}</a>
      <header>
        <h1>{head.title}</h1>
        {head.blocks}
        <noscript>
          <p>{text.noscript}</p>
        </noscript>
        <nav aria-label={text.contents}>
          <ol start={0}>
            {sections.map(([id, { title }]) => (
              <li key={id}>
                <a href={`#${id}`}>{title}</a>
              </li>
            ))}
          </ol>
        </nav>
      </header>
      <main>
        {sections.map(([id, { title, blocks, widgets, code }], i) => (
          <section key={id} id={id} aria-labelledby={`${id}-heading`}>
            <h2 id={`${id}-heading`}>{i} {title}</h2>
            <div class="text">{blocks}</div>
            {widgets.map(([name, title]) => <Widget key={name} name={name} title={title} />)}
            {code.length > 0 && (
              <details class="codes" open={i < 2}>
                <summary>{text.code}</summary>
                {code.map((reference) => <Code key={reference} reference={reference} {...parts} />)}
              </details>
            )}
          </section>
        ))}
        <section id="ideas" aria-labelledby="ideas-heading">
          <h2 id="ideas-heading">{title}</h2>
          {about}
          <Table
            head={text.ideas}
            rows={ideas.map(({ idea, path, becomes }) => [
              idea,
              <a key={path} href={parts.sourceOf(path)}>{path}</a>,
              becomes,
            ])}
          />
          {next}
        </section>
      </main>
    </>
  );
}
