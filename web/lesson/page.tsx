/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/** The lesson as one page. @module */

import { ideas } from "../../lessons/ideas.ts";
import type { JSX } from "../deps.ts";
import type { SymbolCode } from "../symbols.ts";
import { end, type FormulaProps, head, sections } from "./prose.tsx";
import { widgets } from "./widgets.ts";

export interface PageParts {
  /** Finds code by `path#symbol`. */
  readonly codeOf: (reference: string) => SymbolCode;
  /** The address of a file's source, relative to the page. */
  readonly sourceOf: (path: string) => string;
  readonly Formula: (props: FormulaProps) => JSX.Element;
}

/** All code that the lesson shows, as `path#symbol`. */
export const shownCode: readonly string[] = sections(() => <p />).flatMap(({ code }) => code);

function Code({ reference, codeOf, sourceOf }: PageParts & { readonly reference: string }) {
  const { path, line, html } = codeOf(reference);
  const name = head.line(path, line);
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

export function Page(parts: PageParts): JSX.Element {
  const list = sections(parts.Formula);
  return (
    <>
      <a class="skip" href="#rules">{head.skip}</a>
      <header>
        <h1>{head.title}</h1>
        {head.intro}
        <noscript>
          <p>{head.noscript}</p>
        </noscript>
        <nav aria-label={head.contents}>
          <ol start={0}>
            {list.map(({ id, title }) => (
              <li key={id}>
                <a href={`#${id}`}>{title}</a>
              </li>
            ))}
          </ol>
        </nav>
      </header>
      <main>
        {list.map(({ id, title, text, widgets: names, code, after }, i) => (
          <section key={id} id={id} aria-labelledby={`${id}-heading`}>
            <h2 id={`${id}-heading`}>{i} {title}</h2>
            <div class="text">{text}</div>
            {names.map((name) => {
              const Widget = widgets[name];
              return (
                <div key={name} data-widget={name}>
                  <Widget />
                </div>
              );
            })}
            {after}
            {code.length > 0 && (
              <details class="codes" open={i < 2}>
                <summary>{head.code}</summary>
                {code.map((reference) => <Code key={reference} reference={reference} {...parts} />)}
              </details>
            )}
          </section>
        ))}
        <section id="ideas" aria-labelledby="ideas-heading">
          <h2 id="ideas-heading">{end.title}</h2>
          <p>{end.text}</p>
          <div class="scroll" tabIndex={0} role="region" aria-label={end.columns.join(", ")}>
            <table class="grid">
              <thead>
                <tr>{end.columns.map((name) => <th key={name} scope="col">{name}</th>)}</tr>
              </thead>
              <tbody>
                {ideas.map(({ idea, path, becomes }) => (
                  <tr key={idea}>
                    <th scope="row">{idea}</th>
                    <td>
                      <a href={parts.sourceOf(path)}>{path}</a>
                    </td>
                    <td>{becomes}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {end.next}
        </section>
      </main>
    </>
  );
}
