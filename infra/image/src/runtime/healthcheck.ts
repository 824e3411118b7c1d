/** What the container engine runs inside a container of Baton: it exits with 0 while whatever listens on `BATON_PORT` says that it is ready. */
try {
  const { ok } = await fetch(`http://127.0.0.1:${process.env['BATON_PORT'] ?? '8080'}/health/ready`, { signal: AbortSignal.timeout(2500) });
  process.exit(ok ? 0 : 1);
} catch {
  process.exit(1);
}
