export { type MainOptions, main } from './main.js'
export { type ManualPage, manualPages } from './manual/pages.js'
