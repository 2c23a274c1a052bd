/** A door of its own, so that the library is loaded when YAML is wanted. It is CommonJS, of which a dynamic import sees no names once it is bundled. */
export { stringify } from 'yaml'
