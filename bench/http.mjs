// Measures scrape throughput and latency of the controller and of the port. It compares them with a bare
// `http` server with the same registry, a Nest controller that returns a constant, and
// @willsoto/nestjs-prometheus. Every round measures all of them.
import { fork } from 'node:child_process';
import autocannon from 'autocannon';
import { median, milliseconds, ratio, table } from './statistics.mjs';

const KINDS = [
  'bare',
  'port',
  'constant:express',
  'controller:express',
  'willsoto:express',
  'constant:fastify',
  'controller:fastify',
  'willsoto:fastify',
];
const ROUNDS = 7;
const SECONDS = 1;
const CONNECTIONS = 8;

export async function benchHttp() {
  const servers = [];
  try {
    for (const kind of KINDS) servers.push(await start(kind));
    for (const server of servers) await scrape(server.url);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const server of servers) server.rounds.push(await scrape(server.url));
    }
  } finally {
    for (const { process } of servers) process.kill();
  }
  const figures = servers.map(({ kind, rounds }) => ({
    kind,
    perSecond: median(rounds.map(({ requests }) => requests.mean)),
    // The server has one thread, which is always busy.
    perScrape: median(rounds.map(({ requests }) => 1000 / requests.mean)),
    p99: median(rounds.map(({ latency }) => latency.p99)),
    // Relative to the bare server in the same round, because the machine's speed drifts.
    ratio: median(
      rounds.map(({ requests }, round) => requests.mean / servers[0].rounds[round].requests.mean),
    ),
  }));
  console.log(
    table(
      ['server', 'per scrape', 'p99', 'scrapes per second', 'to the bare server'],
      figures.map(({ kind, perScrape, p99, perSecond, ratio: toBare }) => [
        kind,
        milliseconds(perScrape),
        milliseconds(p99),
        perSecond.toFixed(0),
        ratio(toBare, 1),
      ]),
    ),
  );
}

function scrape(url) {
  return autocannon({ url, connections: CONNECTIONS, duration: SECONDS });
}

function start(kind) {
  return new Promise((resolve, reject) => {
    const process = fork(new URL('http-server.mjs', import.meta.url), [kind]);
    process.once('message', (url) => resolve({ kind, url, process, rounds: [] }));
    process.once('exit', (code) => reject(new Error(`${kind} ended with ${code}`)));
  });
}
