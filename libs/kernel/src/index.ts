export { ageOn, londonDay, startOfLondonDay } from './calendar.js';
export { BATON, batonActs, type Caller } from './caller.js';
export { systemClock, type Clock } from './clock.js';
export { crashPoint } from './crash-point.js';
export { newEventId, newId } from './ids.js';
export { inTime, OutOfTime } from './in-time.js';
export { broken, ok, type Result } from './result.js';
export { Refused, refuse, refuseIfAny, type RefusalKind, type Violation } from './violation.js';
