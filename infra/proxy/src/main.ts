import { listenError, openLog, runMain } from '@baton/service-host';
import { optionsOf, proxyConfig } from './config.js';
import { startProxy, type Proxy } from './proxy.js';

async function start(): Promise<Proxy> {
  const config = proxyConfig(process.env);
  const log = openLog('proxy', config.BATON_LOG_LEVEL);
  const proxy = await startProxy({ ...optionsOf(config), report: ({ says, group, address, error }) => log.warn(says, { service: group, ...(address === undefined ? {} : { address }), ...(error === undefined ? {} : { error }) }) }).catch((error: unknown) => {
    throw listenError(error, config);
  });
  log.info('started', { address: proxy.address, pid: process.pid });
  return proxy;
}

await runMain({ name: 'The proxy', start, ready: ({ address }) => [`The proxy is ready at ${address}`] });
