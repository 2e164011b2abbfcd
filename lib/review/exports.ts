import type * as typescript from 'typescript';
import type { Ts } from './compiler';

/**
 * Finds the classes that a file both declares and exports, by their own names. Returns `undefined` if it
 * exports anything else that TypeORM would search: functions, lists, or definitions of other files.
 */
export function exportedClasses(ts: Ts, source: typescript.SourceFile): string[] | undefined {
  const local = new Set(
    source.statements.flatMap((each) => (ts.isClassDeclaration(each) && each.name ? [each.name.text] : [])),
  );
  const names = new Set<string>();
  for (const statement of source.statements) {
    const found = exportedBy(ts, source, statement, local);
    if (found === undefined) return undefined;
    for (const name of found) names.add(name);
  }
  return [...names];
}

function exportedBy(
  ts: Ts,
  source: typescript.SourceFile,
  statement: typescript.Statement,
  local: ReadonlySet<string>,
): readonly string[] | undefined {
  if (ts.isExportDeclaration(statement)) {
    if (statement.isTypeOnly) return [];
    const { exportClause: clause, moduleSpecifier } = statement;
    if (moduleSpecifier !== undefined || clause === undefined || !ts.isNamedExports(clause)) return undefined;
    return declared(
      clause.elements.map(({ propertyName, name }) => (propertyName ?? name).text),
      local,
    );
  }
  if (ts.isExportAssignment(statement)) return exportedValue(ts, statement.expression, local);
  if (ts.isExpressionStatement(statement)) return assigned(ts, source, statement.expression, local);
  if (!isExported(ts, statement)) {
    const isDeclared = ts.isClassDeclaration(statement) || ts.isFunctionDeclaration(statement);
    return isDeclared ? [] : unlessItExports(source, statement);
  }
  if (ts.isClassDeclaration(statement)) return statement.name && [statement.name.text];
  const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
  if (isType) return [];
  const isConstant =
    ts.isVariableStatement(statement) &&
    statement.declarationList.declarations.every(({ initializer }) => isPlain(ts, initializer));
  return isConstant ? [] : undefined;
}

function isExported(ts: Ts, statement: typescript.Statement): boolean {
  return (
    ts.canHaveModifiers(statement) &&
    statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
  );
}

/** Whether a value contains no class that TypeORM would find. */
function isPlain(ts: Ts, value: typescript.Expression | undefined): boolean {
  return value !== undefined && (ts.isLiteralExpression(value) || ts.isTemplateExpression(value));
}

function declared(names: readonly string[], local: ReadonlySet<string>): readonly string[] | undefined {
  return names.every((name) => local.has(name)) ? names : undefined;
}

function exportedValue(
  ts: Ts,
  value: typescript.Expression,
  local: ReadonlySet<string>,
): readonly string[] | undefined {
  if (ts.isIdentifier(value)) return declared([value.text], local);
  if (ts.isClassExpression(value)) return value.name && [value.name.text];
  if (!ts.isObjectLiteralExpression(value)) return undefined;
  const names = value.properties.map((property) =>
    ts.isShorthandPropertyAssignment(property) ? property.name.text : '',
  );
  return declared(names, local);
}

/** Returns the exports of a statement in a CommonJS file. */
function assigned(
  ts: Ts,
  source: typescript.SourceFile,
  expression: typescript.Expression,
  local: ReadonlySet<string>,
): readonly string[] | undefined {
  const text = (node: typescript.Node): string =>
    ts.isPropertyAccessExpression(node)
      ? `${text(node.expression)}.${node.name.text}`
      : ts.isIdentifier(node)
        ? node.text
        : '';
  if (ts.isBinaryExpression(expression)) {
    if (expression.operatorToken.kind === ts.SyntaxKind.CommaToken) {
      const [left, right] = [expression.left, expression.right].map((part) =>
        assigned(ts, source, part, local),
      );
      return left && right && [...left, ...right];
    }
    const isExport = /^(module\.exports|exports\.\w+|module\.exports\.\w+)$/.test(text(expression.left));
    // tsc writes `exports.A = exports.B = void 0` before the classes.
    if (!isExport) return unlessItExports(source, expression);
    if (ts.isVoidExpression(expression.right)) return [];
    if (ts.isBinaryExpression(expression.right)) return assigned(ts, source, expression.right, local);
    return exportedValue(ts, expression.right, local);
  }
  const isMark =
    ts.isCallExpression(expression) &&
    text(expression.expression) === 'Object.defineProperty' &&
    isEsModuleMark(ts, expression);
  return isMark ? [] : unlessItExports(source, expression);
}

/**
 * Returns no exports, or `undefined` for code that may export something, as in the output of minifiers and
 * bundlers.
 */
function unlessItExports(source: typescript.SourceFile, node: typescript.Node): readonly [] | undefined {
  return /\bexports\b/.test(node.getText(source)) ? undefined : [];
}

function isEsModuleMark(ts: Ts, { arguments: [, name] }: typescript.CallExpression): boolean {
  return name !== undefined && ts.isStringLiteral(name) && name.text === '__esModule';
}
