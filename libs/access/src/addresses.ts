/** Where Baton's issuer is found, all of it following from the FHIR base URL. */
export interface IssuerAddresses {
  /** `iss` of access tokens. */
  readonly issuer: string;
  /** The token endpoint; what a client's assertion names as `aud`. */
  readonly tokenUrl: string;
  readonly jwksUrl: string;
}

const FHIR_PATH = '/fhir/R4';

/**
 * @param fhirBase e.g. `https://baton.example/fhir/R4`, without a slash at its end
 * @throws if it does not end in `/fhir/R4`
 */
export function issuerAddresses(fhirBase: string): IssuerAddresses {
  if (!fhirBase.endsWith(FHIR_PATH)) throw new Error(`The FHIR base URL must end in ${FHIR_PATH}: ${fhirBase}`);
  const root = fhirBase.slice(0, -FHIR_PATH.length);
  return { issuer: root, tokenUrl: `${root}/oauth2/token`, jwksUrl: `${root}/oauth2/jwks` };
}
