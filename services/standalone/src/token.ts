import { requestToken } from '@baton/access';
import { HostConfig, readConfig } from '@baton/service-host';

/** `npm run -s token -- <partner>`: prints an access token of a demo partner of the Baton that runs here. */
const partner = process.argv[2];
if (partner === undefined) {
  process.stderr.write('Whose token? npm run -s token -- <partner>, e.g. rapid-response\n');
  process.exit(1);
}
try {
  const { BATON_HOME: home, BATON_PORT: port, BATON_PUBLIC_URL: url } = readConfig(HostConfig, process.env);
  const { access_token } = await requestToken({ fhirBase: `${url ?? `http://127.0.0.1:${port}`}/fhir/R4`, partner, home });
  process.stdout.write(`${access_token}\n`);
} catch (error) {
  process.stderr.write(`No token for ${partner}: ${(error as Error).message}\n`);
  process.exit(1);
}
