import { installAttributeTools } from './attribute-place.ts'

export default installAttributeTools
