export { issuerAddresses, type IssuerAddresses } from './addresses.js';
export { auditFragment, auditOf, auditOfPage, auditOfRows, storable, type AuditEntry, type Audited, type AuditInteraction, type AuditOutcome, type ShownTo } from './audit.js';
export { audited, AuditGatherer, writeAudit } from './audit.gatherer.js';
export { AuditTables1700000000000 } from './audit.migration.js';
export { makeAuditPartitions } from './audit.partitions.js';
export { checkEndpointUrl, EgressRefused, guardedConnector, guardedLookup, type Resolve } from './egress.connect.js';
export { egressPolicy, judgeAddress, readEndpointUrl, type EgressPolicy, type EgressRule } from './egress.js';
export { Gatherer, type Gathering } from './gatherer.js';
export { ISSUER_ALGORITHMS, newPrivateJwk, openIssuerKeys, publicPart, type IssuerKeys, type PublicKeys } from './issuer-keys.js';
export { keptSecret, readSecret, replaceSecret } from './key-file.js';
export { requestIds, type Headers, type RequestIds } from './request-ids.js';
export {
  grantsOf,
  intersect,
  mayOperate,
  OPERATE,
  OPERATE_CONTENT,
  parseScope,
  permits,
  requireOperator,
  requirePartner,
  requirePermission,
  scopesOf,
  type Grants,
  type Interaction,
} from './scopes.js';
export { Sealer } from './sealed.js';
export { ACCESS_TOKEN_TYPE, challengeFor, localKeys, remoteKeys, TOKEN_LIFE_SECONDS, TokenVerifier, type KeySource, type TokenClaims, type TokenTrust } from './token.js';
export { demoKey, requestToken, signAssertion, type TokenRequest, type TokenResponse } from './token-request.js';
