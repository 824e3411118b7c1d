import { createServer } from 'node:http';

// Answers like a service that is ready, unless it is told to fail; ends as one does.
if (process.env['FAILS'] === 'yes') process.exit(3);
const server = createServer((_request, answer) => answer.end(String(process.pid)));
server.listen(Number(process.env['BATON_PORT']), '127.0.0.1');
const end = (): void => {
  const { SAYS } = process.env;
  if (SAYS !== undefined) process.stderr.write(`${SAYS}\n`);
  process.exit(0);
};
for (const reason of ['SIGTERM', 'disconnect']) process.on(reason, end);
