/** @jsxImportSource npm:preact@11.2.0 */

/**
 * The lesson as one page, in two files: a first look loads the first of them alone.
 *
 * @module
 */

import type { JSX } from "../deps.ts";
import { Mark } from "../parts/mark.tsx";
import { Table } from "../parts/rows.tsx";
import type { SymbolCode } from "../symbols.ts";
import { ideas } from "../words/ideas.ts";
import { labs } from "./labs.tsx";
import { Opening } from "./opening.tsx";
import { Notes, type Prose } from "./prose.tsx";
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

/** Where nanochat's files are. */
const NANOCHAT = "https://github.com/karpathy/nanochat/blob/master/";

/** The address of the last section. */
const LAST = "ideas";

/** The two files of the lesson: what is seen first, and the rest, which comes when the reader moves. */
const FIRST_FILE = "index.html", REST_FILE = "rest.html";

/** The sections in order, with the table of ideas at the end. */
function sectionsOf(prose: PageParts["prose"]): (readonly [id: string, Prose])[] {
  return [...prose].filter(([id]) => id !== "");
}

/** How many sections are in the first file: those before the first one that needs the second script. */
function firstCount(prose: PageParts["prose"]): number {
  return sectionsOf(prose).findIndex(([, { widgets }]) =>
    widgets.some(([name]) => Object.hasOwn(labs, name))
  );
}

/** The address of a section, for a page that is one of the files. */
function addressIn(file: string, id: string, prose: PageParts["prose"]): string {
  const at = sectionsOf(prose).findIndex(([one]) => one === id);
  const its = at < firstCount(prose) ? FIRST_FILE : REST_FILE;
  return its === file ? `#${id}` : `${its}#${id}`;
}

/** The names of the notes of each file: what both files need is in the first one. */
function notesOf(prose: PageParts["prose"]): readonly [first: string[], rest: string[]] {
  const all = new Set([...prose.values()].flatMap(({ notes }) => notes));
  const firstSections = sectionsOf(prose).slice(0, firstCount(prose)).map(([, section]) => section);
  const first = new Set([prose.get("")!, ...firstSections].flatMap(({ notes }) => notes));
  return [[...first], [...all.difference(first)]];
}

/** The sections as links, with the time that each one takes. */
function Index({ file, prose }: { readonly file: string } & Pick<PageParts, "prose">): JSX.Element {
  return (
    <details class="index">
      <summary>
        {text.contents} <span class="here" />
      </summary>
      <nav aria-label={text.contents} tabIndex={0}>
        <p class="brand">
          <Mark />
          {text.brand}
        </p>
        <ol start={0}>
          {sectionsOf(prose).map(([id, { title, minutes }]) => (
            <li key={id}>
              <a href={addressIn(file, id, prose)}>{title}</a>
              <small>{text.minutes(minutes)}</small>
            </li>
          ))}
        </ol>
      </nav>
    </details>
  );
}

/** The first file: the opening, and the sections of the first screens. */
export function FirstPage(parts: PageParts): JSX.Element {
  const head = parts.prose.get("")!;
  return (
    <>
      <a class="skip" href="#rules">{text.skip}</a>
      <div class="progress" aria-hidden="true" />
      <Index file={FIRST_FILE} {...parts} />
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
          {sectionsOf(parts.prose).slice(0, firstCount(parts.prose)).map(([id], i) => (
            <Section key={id} file={FIRST_FILE} id={id} number={i} {...parts} />
          ))}
          <Notes names={notesOf(parts.prose)[0]} />
        </main>
      </div>
    </>
  );
}

/** The other sections, which the first file takes in when the reader moves. */
export function RestSections(parts: PageParts): JSX.Element {
  const sections = sectionsOf(parts.prose);
  const first = firstCount(parts.prose);
  return (
    <>
      {sections.slice(first, -1).map(([id], i) => (
        <Section key={id} file={REST_FILE} id={id} number={first + i} {...parts} />
      ))}
      <IdeasSection number={sections.length - 1} {...parts} />
      <Notes names={notesOf(parts.prose)[1]} />
    </>
  );
}

/** The second file, for who has no JavaScript: the other sections as a page. */
export function RestPage(parts: PageParts): JSX.Element {
  return (
    <>
      <Index file={REST_FILE} {...parts} />
      <div class="page">
        <header>
          <h1>
            <a href={FIRST_FILE}>{parts.prose.get("")!.title}</a>
          </h1>
        </header>
        <main>
          <RestSections {...parts} />
          <Notes names={notesOf(parts.prose)[0]} />
        </main>
      </div>
    </>
  );
}

/** A section, and where it stands. */
interface SectionProps extends PageParts {
  readonly file: string;
  readonly id: string;
  readonly number: number;
}

function Section({ file, id, number, ...parts }: SectionProps): JSX.Element {
  const { title, blocks, widgets, isWide, code, more } = parts.prose.get(id)!;
  return (
    <section id={id} class={isWide ? "wide" : ""} aria-labelledby={`${id}-heading`}>
      <h2 id={`${id}-heading`}>
        <span>{number}</span> {title}
      </h2>
      <div class="text">{blocks}</div>
      {widgets.length > 0 && (
        <div class="widgets">
          <div>
            {widgets.map(([name, title]) => <Widget key={name} name={name} title={title} />)}
          </div>
        </div>
      )}
      <footer>
        {code.length > 0 && (
          <details class="codes">
            <summary>{text.code}</summary>
            {code.map((reference) => <Code key={reference} reference={reference} {...parts} />)}
          </details>
        )}
        {more.length > 0 && <div class="more">{more}</div>}
        <Next file={file} after={id} prose={parts.prose} />
      </footer>
    </section>
  );
}

/** A path in which a line may end after each folder. */
function breakable(path: string): (string | JSX.Element)[] {
  return path.split("/").flatMap((name, i) => i === 0 ? [name] : ["/", <wbr key={i} />, name]);
}

/** The last section: where each idea lives. */
function IdeasSection(
  { number, prose, sourceOf }: PageParts & Pick<SectionProps, "number">,
): JSX.Element {
  const { title, blocks: [about, end, credits] } = prose.get(LAST)!;
  return (
    <section id={LAST} class="wide" aria-labelledby="ideas-heading">
      <h2 id="ideas-heading">
        <span>{number}</span> {title}
      </h2>
      <div class="text">{about}</div>
      <Table
        isNamed
        head={text.ideas}
        rows={ideas.map(({ idea, path, nanochat, becomes }) => [
          idea,
          <a key={path} href={sourceOf(path)}>{breakable(path)}</a>,
          <a key={nanochat} href={NANOCHAT + nanochat}>{breakable(nanochat)}</a>,
          becomes,
        ])}
      />
      <div class="finale">
        <Mark />
        {end}
      </div>
      <div class="text">{credits}</div>
    </section>
  );
}

/** A link to the section after another one. */
function Next({ file, after, prose }: {
  readonly file: string;
  readonly after: string;
  readonly prose: PageParts["prose"];
}): JSX.Element {
  const sections = sectionsOf(prose);
  const [id, { title }] = sections[sections.findIndex(([one]) => one === after) + 1]!;
  return <a class="next" href={addressIn(file, id, prose)}>{text.next(title)}</a>;
}
