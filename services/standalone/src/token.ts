import { requestToken } from '@baton/access';
import { HostConfig, readConfig } from '@baton/service-host';
import { endWithUsage, wantsHelp } from './help.js';

/** `npm run -s token -- <partner>`: prints an access token of a demo partner of the Baton that runs here. */
const partner = process.argv[2];
if (partner === undefined || wantsHelp(process.argv)) endWithUsage('Whose token? npm run -s token -- <partner>, e.g. rapid-response\n');
try {
  const { BATON_HOME: home, BATON_PORT: port, BATON_PUBLIC_URL: url } = readConfig(HostConfig, process.env);
  const address = url ?? `http://127.0.0.1:${port}`;
  const { access_token } = await requestToken({ fhirBase: `${address}/fhir/R4`, partner, home }).catch((error: unknown) => {
    // What fetch says of a connection that was refused tells nobody what to do.
    if (error instanceof TypeError && error.cause !== undefined) throw new Error(`nothing answers at ${address}. Start a Baton first (npm start), or set BATON_PORT or BATON_PUBLIC_URL to where it is.`);
    throw error;
  });
  process.stdout.write(`${access_token}\n`);
} catch (error) {
  process.stderr.write(`No token for ${partner}: ${(error as Error).message}\n`);
  process.exit(1);
}
