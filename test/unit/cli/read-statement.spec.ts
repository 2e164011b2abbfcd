import { describe, expect, it } from 'vitest';
import { isRead } from '../../../lib/cli/read-statement';

describe('a statement that reads', () => {
  it.each([
    'SELECT 1',
    'select 1;',
    '  (SELECT 1) UNION (SELECT 2)',
    'SELECT(1)',
    '-- why\nSELECT 1',
    '/* DROP TABLE kept; */ SELECT 1 -- ; DROP TABLE kept',
    `SELECT 'INSERT INTO kept; DROP TABLE kept' AS "delete", \`update\` FROM t`,
    `SELECT 'it''s', "a""b", 'C:\\\\' FROM t`,
    `SELECT "update_rule", deleted_at, replace(name, 'a', 'b') FROM t`,
    'WITH newest AS (SELECT max(id) FROM migrations) SELECT * FROM newest',
    'EXPLAIN SELECT 1',
    'SHOW VARIABLES',
    'VALUES (1)',
    'DESCRIBE migrations',
    'PRAGMA table_info("migrations")',
    'SET search_path TO app',
    'SET SESSION TRANSACTION READ ONLY',
    'USE app',
    'START TRANSACTION',
    'BEGIN',
    'BEGIN;',
    'BEGIN TRANSACTION',
    'COMMIT',
    'ROLLBACK TO SAVEPOINT a',
    'SAVEPOINT a',
    'RELEASE SAVEPOINT a',
  ])('is sent: %s', (statement) => {
    expect(isRead(statement)).toBe(true);
  });
});

describe('a statement that may write', () => {
  it.each([
    '',
    'INSERT INTO kept VALUES (1)',
    'CREATE TABLE written (id int)',
    'REPLACE kept VALUES (1)',
    "DO $$ BEGIN EXECUTE 'DROP TABLE kept'; END $$",
    'VACUUM',
    'ANALYZE kept',
    'LOCK TABLES kept WRITE',
    "PREPARE TRANSACTION 'a'",
    "COMMIT PREPARED 'a'",
    "ROLLBACK PREPARED 'a'",
    // A second statement, however it is set apart.
    'SELECT 1; DROP TABLE kept',
    'SELECT 1; /* why */ DROP TABLE kept',
    'SELECT 1; -- why\nDROP TABLE kept',
    "SELECT 1; DO $$ BEGIN EXECUTE 'DROP TABLE kept'; END $$",
    'SELECT 1; VACUUM',
    'SELECT 1; COPY kept FROM STDIN',
    'SELECT 1; SELECT 2',
    'BEGIN; VACUUM',
    'BEGIN NOT ATOMIC OPTIMIZE TABLE kept; END',
    'SELECT 1 EXEC drop_everything',
    // A statement inside one that reads.
    'SELECT * INTO written FROM kept',
    "SELECT 1 INTO OUTFILE '/tmp/written'",
    'WITH gone AS (DELETE FROM kept RETURNING *) SELECT * FROM gone',
    'WITH a AS (SELECT 1) INSERT INTO kept SELECT * FROM a',
    'EXPLAIN ANALYZE DELETE FROM kept',
    'EXPLAIN ANALYZE EXECUTE prepared_before',
    'SELECT * FROM kept FOR UPDATE',
    // What a server keeps.
    'SET GLOBAL max_connections = 1',
    'SET SESSION sql_mode = 0, GLOBAL max_connections = 1',
    'SET @@global.max_connections = 1',
    "SET PASSWORD = ''",
    'SET PERSIST max_connections = 1',
    'SET DEFAULT ROLE ALL TO app',
    // Comments that are executed, or that one database ends earlier than another.
    '/*! DROP TABLE kept */',
    'SELECT 1 /*!50000 INTO OUTFILE "/tmp/written" */',
    'SELECT 1 /*M!100100 INTO @a */',
    "/* /* */ ' */ SELECT 1; DROP TABLE kept --'",
    "SELECT 1 --'\n; DROP TABLE kept --'",
    "SELECT 1 # '\n; DROP TABLE kept # '",
    "SELECT 5 --1, '\n' INTO OUTFILE '/tmp/written' -- '",
    // Texts that one database ends earlier than another.
    "SELECT 'a\\'; DROP TABLE kept; --'",
    "SELECT 'a\\' INTO OUTFILE '/tmp/written' -- '",
    "SELECT E'\\'', 'a'; DROP TABLE kept; --'",
    "SELECT a$b$, ' $b$'; DROP TABLE kept --'",
    'SELECT $a$ $b$ $a$; DROP TABLE kept',
    "SELECT 1 AS $a$, ' $a$ '; DROP TABLE kept; -- $a$",
  ])('is not sent: %s', (statement) => {
    expect(isRead(statement)).toBe(false);
  });
});
