import { basename, extname } from 'node:path';
import type * as typescript from 'typescript';
import type { Ts } from './compiler';

type Node = typescript.Node;

/**
 * Renders the code that a class or a whole file executes, as a text for comparison. It omits comments, white
 * space, types and quotes. Besides the class, it includes the file's declarations that the class refers to,
 * and the statements that run on load.
 */
export function executedBy(
  ts: Ts,
  source: typescript.SourceFile,
  root?: typescript.ClassLikeDeclaration,
): string {
  const file = new FileScope(ts, source);
  const parts: string[] = [];
  const seen = new Set<string>();
  const add = (nodes: readonly Node[], label: string): void => {
    const writer = new Writer(ts);
    for (const node of nodes) writer.write(node, node === root);
    parts.push(`${label}:${writer.text}`);
    for (const name of [...writer.references].sort()) {
      const declaration = file.declarations.get(name);
      if (seen.has(name) || declaration === undefined) continue;
      seen.add(name);
      if (typeof declaration === 'string') parts.push(`${name}:${declaration}`);
      else if (declaration !== root) add([declaration], name);
    }
  };
  add(root === undefined ? file.all : [root], '');
  if (root !== undefined) add(file.effects, '!');
  return parts.join('\n');
}

/** The top-level statements of a file. */
class FileScope {
  /** By name. For an import, the value is a text with the imported name and module. */
  readonly declarations = new Map<string, Node | string>();
  /** Statements that run on load and are not declarations. */
  readonly effects: Node[] = [];
  readonly all: Node[] = [];

  constructor(
    private readonly ts: Ts,
    source: typescript.SourceFile,
  ) {
    for (const statement of source.statements) this.add(statement);
  }

  private add(statement: typescript.Statement): void {
    const { ts } = this;
    if (ts.isImportDeclaration(statement)) this.addImport(statement);
    else if (ts.isImportEqualsDeclaration(statement)) this.addImportEquals(statement);
    else if (ts.isVariableStatement(statement)) {
      this.all.push(statement);
      for (const declaration of statement.declarationList.declarations)
        this.bind(declaration.name, declaration);
    } else if (
      ts.isFunctionDeclaration(statement) ||
      ts.isClassDeclaration(statement) ||
      ts.isEnumDeclaration(statement)
    ) {
      this.all.push(statement);
      if (statement.name !== undefined) this.declarations.set(statement.name.text, statement);
    } else if (this.isEffect(statement)) {
      this.all.push(statement);
      this.effects.push(statement);
    } else if (ts.isExportAssignment(statement)) this.all.push(statement);
  }

  private bind(name: typescript.BindingName, declaration: Node): void {
    if (this.ts.isIdentifier(name)) this.declarations.set(name.text, declaration);
    else for (const element of name.elements) if ('name' in element) this.bind(element.name, declaration);
  }

  private addImport({ importClause, moduleSpecifier }: typescript.ImportDeclaration): void {
    if (importClause === undefined) return;
    const from = moduleName((moduleSpecifier as typescript.StringLiteral).text);
    const { name, namedBindings } = importClause;
    if (name !== undefined) this.declarations.set(name.text, `import default of ${from}`);
    if (namedBindings === undefined) return;
    if (this.ts.isNamespaceImport(namedBindings)) {
      this.declarations.set(namedBindings.name.text, `import * of ${from}`);
      return;
    }
    for (const element of namedBindings.elements) {
      const imported = (element.propertyName ?? element.name).text;
      this.declarations.set(element.name.text, `import ${imported} of ${from}`);
    }
  }

  private addImportEquals({ name, moduleReference }: typescript.ImportEqualsDeclaration): void {
    const { ts } = this;
    const isModule = ts.isExternalModuleReference(moduleReference);
    const specifier = isModule ? moduleReference.expression : undefined;
    const isText = specifier !== undefined && ts.isStringLiteral(specifier);
    this.declarations.set(name.text, isText ? `import = of ${moduleName(specifier.text)}` : moduleReference);
  }

  private isEffect(statement: typescript.Statement): boolean {
    const { ts } = this;
    const isDeclaration =
      ts.isExportDeclaration(statement) ||
      ts.isExportAssignment(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement) ||
      // `declare global { … }`
      (ts.isModuleDeclaration(statement) &&
        statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword) === true);
    if (isDeclaration) return false;
    return !(ts.isExpressionStatement(statement) && isExportOrDirective(ts, statement.expression));
  }
}

/** Whether an expression is only a CommonJS export or a directive such as 'use strict'. */
function isExportOrDirective(ts: Ts, expression: typescript.Expression): boolean {
  if (ts.isStringLiteral(expression)) return true;
  const target = ts.isBinaryExpression(expression)
    ? expression.left
    : ts.isCallExpression(expression)
      ? expression.arguments[0]
      : undefined;
  let root: Node | undefined = target;
  while (root !== undefined && ts.isPropertyAccessExpression(root)) root = root.expression;
  return root !== undefined && ts.isIdentifier(root) && (root.text === 'exports' || root.text === 'module');
}

/**
 * Returns a module's name without folder and extension, because a moved file imports the same module by
 * another path.
 */
function moduleName(specifier: string): string {
  const name = specifier.replace(/\/index(\.\w+)?$/, '');
  return /^[./]/.test(name)
    ? basename(name, /^\.[cm]?[jt]sx?$/.test(extname(name)) ? extname(name) : '')
    : (name.split('/').at(-1) ?? name);
}

/** Writes a syntax tree as a text that is equal for equivalent code. */
class Writer {
  text = '';
  /** Names that are used, except property names. */
  readonly references = new Set<string>();
  private readonly erased: ReadonlySet<typescript.SyntaxKind>;

  constructor(private readonly ts: Ts) {
    const { SyntaxKind: kind } = ts;
    this.erased = new Set([
      kind.AbstractKeyword,
      // For `const enum`.
      kind.ConstKeyword,
      kind.DeclareKeyword,
      kind.DefaultKeyword,
      kind.EmptyStatement,
      kind.ExclamationToken,
      kind.ExportKeyword,
      kind.ImplementsKeyword,
      kind.IndexSignature,
      kind.InterfaceDeclaration,
      kind.OverrideKeyword,
      kind.PrivateKeyword,
      kind.ProtectedKeyword,
      kind.PublicKeyword,
      kind.QuestionToken,
      kind.ReadonlyKeyword,
      kind.SemicolonClassElement,
      kind.TypeAliasDeclaration,
      kind.TypeParameter,
    ]);
  }

  /** @param isRoot - whether the node is the compared class, whose own name is omitted */
  write(given: Node, isRoot = false): void {
    const node = this.unwrapped(given);
    if (this.isErased(node)) return;
    const value = this.valueOf(node);
    if (value !== undefined) {
      this.text += `${value};`;
      return;
    }
    this.text += `${node.kind}${this.flagsOf(node)}(`;
    const { name } = node as { name?: Node };
    this.ts.forEachChild(node, (child) => {
      if (child !== name) this.write(child);
      else if (!isRoot) this.writeName(node, child);
    });
    this.text += ')';
  }

  /** Returns the text of a leaf; for a literal, its value. */
  private valueOf(node: Node): string | undefined {
    const { ts } = this;
    if (ts.isIdentifier(node)) {
      this.references.add(node.text);
      return node.text;
    }
    if (ts.isStringLiteralLike(node)) return JSON.stringify(node.text);
    if (ts.isCallExpression(node)) return this.imported(node);
    const { text } = node as { text?: unknown };
    return typeof text === 'string' ? `${node.kind}${JSON.stringify(text)}` : undefined;
  }

  /** Returns the module of a `require()` or an `import()`. */
  private imported({ expression, arguments: args }: typescript.CallExpression): string | undefined {
    const { ts } = this;
    const [specifier] = args;
    if (args.length !== 1 || specifier === undefined || !ts.isStringLiteral(specifier)) return undefined;
    const isImport =
      expression.kind === ts.SyntaxKind.ImportKeyword ||
      (ts.isIdentifier(expression) && expression.text === 'require');
    return isImport ? `import of ${moduleName(specifier.text)}` : undefined;
  }

  /** Writes a property's name, with or without quotes, without counting it as a reference. */
  private writeName(node: Node, name: Node): void {
    const { ts } = this;
    const isProperty =
      ts.isPropertyAssignment(node) || ts.isPropertyAccessExpression(node) || ts.isClassElement(node);
    const { text } = name as { text?: unknown };
    if (isProperty && typeof text === 'string' && !ts.isPrivateIdentifier(name)) this.text += `.${text};`;
    else this.write(name);
  }

  /** Returns the parts of a node that its children do not show. */
  private flagsOf(node: Node): string {
    const { ts } = this;
    if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) return `/${node.operator}`;
    if (ts.isTaggedTemplateExpression(node)) return `/${JSON.stringify(this.rawTextsOf(node.template))}`;
    // A linter may change `let` to `const`, so both are equal.
    if (ts.isVariableDeclarationList(node)) return node.flags & ts.NodeFlags.BlockScoped ? '' : '/var';
    return ts.isParameter(node) && node.modifiers?.some(ts.isModifier) === true ? '/property' : '';
  }

  /** Returns the raw texts that a tag receives, as `String.raw` does. */
  private rawTextsOf(template: typescript.TemplateLiteral): unknown[] {
    const parts = this.ts.isTemplateExpression(template)
      ? [template.head, ...template.templateSpans.map(({ literal }) => literal)]
      : [template];
    return parts.map(({ rawText, text }) => rawText ?? text);
  }

  private unwrapped(node: Node): Node {
    const { ts } = this;
    const isWrapper =
      ts.isParenthesizedExpression(node) ||
      ts.isAsExpression(node) ||
      ts.isSatisfiesExpression(node) ||
      ts.isNonNullExpression(node) ||
      ts.isTypeAssertionExpression(node) ||
      ts.isExpressionWithTypeArguments(node);
    return isWrapper ? this.unwrapped(node.expression) : node;
  }

  private isErased(node: Node): boolean {
    const { ts } = this;
    if (this.erased.has(node.kind) || ts.isTypeNode(node)) return true;
    if (ts.isHeritageClause(node)) return node.token === ts.SyntaxKind.ImplementsKeyword;
    if (ts.isMethodDeclaration(node) || ts.isFunctionDeclaration(node) || ts.isConstructorDeclaration(node)) {
      return node.body === undefined;
    }
    // A field without a value is usually only a type.
    if (ts.isPropertyDeclaration(node)) return node.initializer === undefined;
    if (ts.isParameter(node)) return ts.isIdentifier(node.name) && node.name.text === 'this';
    return ts.isExpressionStatement(node) && ts.isStringLiteral(node.expression);
  }
}
