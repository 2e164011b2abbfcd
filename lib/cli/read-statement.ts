/**
 * Whether a text is a single statement that only reads. Databases differ in comments and quotes, so it must
 * be a read in every dialect. An unknown statement counts as a write.
 */
export function isRead(statement: string): boolean {
  return DIALECTS.every((tokens) => isReadOf(skeleton(statement, tokens)));
}

const BLOCK_COMMENT = '\\/\\*[^]*?(?:\\*\\/|$)';
const STANDARD_TEXTS = `'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)`;
const ESCAPED_TEXTS = `'(?:\\\\[^]|[^'\\\\]|'')*(?:'|$)|"(?:\\\\[^]|[^"\\\\]|"")*(?:"|$)`;
const QUOTED_NAME = '`(?:[^`]|``)*(?:`|$)';
/** PostgreSQL only. */
const ESCAPE_STRING = `\\be'(?:\\\\[^]|[^'\\\\]|'')*(?:'|$)`;
const DOLLAR_STRING = '(?<![\\w$])\\$((?:[a-z_]\\w*)?)\\$[^]*?(?:\\$\\1\\$|$)';

/** Tokens of comments, texts and quoted names. A token without an end extends to the end of the statement. */
const DIALECTS: readonly RegExp[] = [
  // Standard SQL and PostgreSQL.
  [`--[^\\n]*|${BLOCK_COMMENT}`, DOLLAR_STRING, ESCAPE_STRING, STANDARD_TEXTS, QUOTED_NAME],
  // MySQL and MariaDB.
  [`#[^\\n]*|--(?=\\s|$)[^\\n]*|${BLOCK_COMMENT}`, ESCAPED_TEXTS, QUOTED_NAME],
].map((alternatives) => new RegExp(alternatives.join('|'), 'gi'));

/** Returns a statement without comments and texts. */
function skeleton(statement: string, tokens: RegExp): string {
  return statement
    .replace(tokens, withoutContent)
    .replace(/[\s(]+/g, ' ')
    .trim();
}

function withoutContent(token: string): string {
  // PostgreSQL nests comments. MySQL and MariaDB execute a comment that begins with an exclamation mark.
  if (/^\/\*(?:M?!|[^]*\/\*)/.test(token)) return UNKNOWN;
  return /^(?:--|#|\/\*)/.test(token) ? ' ' : ' ? ';
}

const UNKNOWN = ' ;; ';

const BEGINNING =
  /^(?:SELECT|WITH|EXPLAIN|SHOW|VALUES|DESC|DESCRIBE|PRAGMA|USE|SET|SAVEPOINT|RELEASE|COMMIT|ROLLBACK|START TRANSACTION|BEGIN(?=;?$| (?:DEFERRED|ISOLATION|READ|TRAN|TRANSACTION|WORK)\b))\b/i;

/** Keywords of writes. A read does not contain them, except in quoted names. */
const WRITING =
  /;\s*\S|@@(?:GLOBAL|PERSIST)|\b(?:INSERT|UPDATE|DELETE|MERGE|INTO|CREATE|ALTER|DROP|TRUNCATE|COPY|GRANT|REVOKE|CALL|REFRESH|EXEC|EXECUTE|PREPARED)\b|^SET\b.*\b(?:GLOBAL|PERSIST|PERSIST_ONLY|PASSWORD|DEFAULT ROLE)\b/i;

/** A SQLite pragma, with an optional database name. */
const PRAGMA = /^PRAGMA (?:(?:\w+|\?) ?\. ?)?(\w+)(.*)$/i;
/** Pragmas whose value is stored in the file. */
const KEPT_PRAGMA =
  /^(?:application_id|auto_vacuum|default_cache_size|encoding|(?:hex)?rekey|journal_mode|journal_size_limit|page_size|query_only|schema_version|user_version|writable_schema)$/i;
const WRITING_PRAGMA = /^(?:incremental_vacuum|optimize|wal_checkpoint)$/i;

function isReadOf(skeleton: string): boolean {
  if (!BEGINNING.test(skeleton) || WRITING.test(skeleton)) return false;
  if (!/^PRAGMA/i.test(skeleton)) return true;
  const [, name = '', value = ''] = PRAGMA.exec(skeleton) ?? [];
  return name !== '' && !WRITING_PRAGMA.test(name) && (!KEPT_PRAGMA.test(name) || /^ ?;?$/.test(value));
}
