// Holds calls against GitHub's own description of its GraphQL API: the query, its variables, and what is
// answered to it.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export function reader(root) {
  const require = createRequire(`${root}/`)
  const { buildSchema, execute, getOperationAST, parse, validate } = require('graphql')
  const { getVariableValues } = require('graphql/execution/values')
  const file = `${root}/@octokit/graphql-schema/schema.graphql`
  const schema = buildSchema(readFileSync(file, 'utf8'), { assumeValidSDL: true })
  const said = (error) => error.message

  return function check({ asked, answer }) {
    let document
    try {
      document = parse(asked.query)
    } catch (error) {
      return { operation: null, wrong: [error.message] }
    }
    const wrong = validate(schema, document).map(said)
    const operation = getOperationAST(document)
    const fields = operation.selectionSet.selections.map((field) => field.name.value)
    const values = asked.variables === undefined
      ? {} : getVariableValues(schema, operation.variableDefinitions, asked.variables)
    wrong.push(...(values.errors ?? []).map((error) => `asked: ${error.message}`))
    // What is refused has no data.
    if (wrong.length === 0 && answer?.data && !answer.errors) {
      // As if GitHub had answered it: each value has to be of its field's type.
      const rootValue = answer.data
      const { errors } = execute({ schema, document, rootValue, variableValues: asked.variables })
      wrong.push(...(errors ?? []).map((error) => `answer: ${error.message}`))
    }
    return { operation: `${operation.operation} ${fields.join(' ')}`, wrong }
  }
}
