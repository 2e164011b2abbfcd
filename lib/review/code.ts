import type * as typescript from 'typescript';
import { compilerOf, type Ts } from './compiler';
import { exportedClasses } from './exports';
import { executedBy } from './executed';

/** A class in a source file. */
export interface ClassCode {
  /** Its name as a migration of TypeORM. */
  readonly name: string;
  /** The name in its declaration. */
  readonly ownName: string | undefined;
  /** Counted from 1. */
  readonly line: number;
  /** Whether it has or inherits an `up()`. */
  readonly hasUp: boolean;
  /** Whether `down()` is missing, is empty or only throws. */
  readonly lacksDown: boolean;
  /** Returns the code that it executes, as far as this file has it. The text is only for comparison. */
  executed(): string;
}

/** Reads source files with the project's compiler. */
export class SourceReader {
  private compiler: Ts | undefined;
  private readonly known = new Map<string, readonly ClassCode[]>();

  /** @param folder - a folder of the project from which the compiler resolves */
  constructor(private readonly folder: string) {}

  /** Finds the class of a migration; `undefined` if the source does not show it. */
  classOf(name: string, file: string, text: string): ClassCode | undefined {
    return this.classesIn(file, text).find((each) => each.name === name);
  }

  /** Finds every named class of a file. */
  classesIn(file: string, text: string): readonly ClassCode[] {
    const key = `${file}\n${text}`;
    const classes = this.known.get(key) ?? classesIn(this.ts, this.parse(file, text));
    this.known.set(key, classes);
    return classes;
  }

  /** Returns the code that a whole file executes. */
  executedBy(file: string, text: string): string {
    return executedBy(this.ts, this.parse(file, text));
  }

  /**
   * Finds the names of the migrations that TypeORM would load from a file; `undefined` if the source does not
   * show them, as in a file that only re-exports.
   */
  exportedBy(file: string, text: string): readonly string[] | undefined {
    const source = this.parse(file, text) as typescript.SourceFile & {
      parseDiagnostics?: readonly unknown[];
    };
    if (source.parseDiagnostics?.length !== 0) return undefined;
    const classes = this.classesIn(file, text);
    const names = exportedClasses(this.ts, source)?.map(
      (own) => classes.find(({ ownName }) => ownName === own)?.name,
    );
    return names?.every((name) => name !== undefined) ? names : undefined;
  }

  private parse(file: string, text: string): typescript.SourceFile {
    return this.ts.createSourceFile(file, text, this.ts.ScriptTarget.Latest);
  }

  private get ts(): Ts {
    return (this.compiler ??= compilerOf(this.folder));
  }
}

function classesIn(ts: Ts, source: typescript.SourceFile): ClassCode[] {
  const found: ClassCode[] = [];
  const visit = (node: typescript.Node, outerName?: string): void => {
    if (ts.isClassLike(node)) {
      const ownName = node.name?.text ?? outerName;
      const name = namedByItself(ts, node) ?? ownName;
      if (name !== undefined) found.push(classCode(ts, source, node, name, ownName));
    }
    ts.forEachChild(node, (child) => visit(child, nameFor(ts, node, child)));
  };
  visit(source);
  return found;
}

/** Returns the name that an anonymous class gets from its assignment. */
function nameFor(ts: Ts, node: typescript.Node, child: typescript.Node): string | undefined {
  const isNamed = ts.isVariableDeclaration(node) || ts.isPropertyAssignment(node);
  return isNamed && node.initializer === child && ts.isIdentifier(node.name) ? node.name.text : undefined;
}

/** Returns the value of a property `name`, which TypeORM prefers to the class's name. */
function namedByItself(ts: Ts, { members }: typescript.ClassLikeDeclaration): string | undefined {
  for (const member of members) {
    if (!ts.isPropertyDeclaration(member) || textOfName(ts, member) !== 'name' || isStatic(ts, member))
      continue;
    let value = member.initializer;
    while (value !== undefined && (ts.isAsExpression(value) || ts.isSatisfiesExpression(value)))
      value = value.expression;
    if (value !== undefined && ts.isStringLiteralLike(value)) return value.text;
  }
  return undefined;
}

function classCode(
  ts: Ts,
  source: typescript.SourceFile,
  node: typescript.ClassLikeDeclaration,
  name: string,
  ownName: string | undefined,
): ClassCode {
  const start = (node.name ?? node).getStart(source);
  const isExtended =
    node.heritageClauses?.some(({ token }) => token === ts.SyntaxKind.ExtendsKeyword) === true;
  const member = (wanted: string) =>
    node.members.find(
      (each) => textOfName(ts, each) === wanted && !isStatic(ts, each) && !isSignature(ts, each),
    );
  const down = member('down');
  let executed: string | undefined;
  return {
    name,
    ownName,
    line: source.getLineAndCharacterOfPosition(start).line + 1,
    hasUp: isExtended || member('up') !== undefined,
    lacksDown: down === undefined ? !isExtended : doesNothing(ts, down),
    executed: () => (executed ??= executedBy(ts, source, node)),
  };
}

function textOfName(ts: Ts, { name }: typescript.ClassElement): string | undefined {
  return name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? name.text : undefined;
}

function isStatic(ts: Ts, member: typescript.ClassElement): boolean {
  return (
    ts.canHaveModifiers(member) &&
    member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) === true
  );
}

/** Whether a member is an overload signature. */
function isSignature(ts: Ts, member: typescript.ClassElement): boolean {
  return ts.isMethodDeclaration(member) && member.body === undefined;
}

function doesNothing(ts: Ts, member: typescript.ClassElement): boolean {
  const callable = ts.isPropertyDeclaration(member) ? member.initializer : member;
  const { body } = (callable ?? {}) as { body?: typescript.Node };
  if (body === undefined || !ts.isBlock(body)) return false;
  return body.statements.every(
    (statement) => ts.isThrowStatement(statement) || ts.isEmptyStatement(statement),
  );
}
