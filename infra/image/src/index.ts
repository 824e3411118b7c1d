export { copyRuntimeFiles } from './runtime-files.js';
