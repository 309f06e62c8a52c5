// Holds calls against GitHub's own description of its API.
//
// `node check.mjs NODE_MODULES < CALLS`: a JSON object a line, {method, path, asked, status, answer}, in;
// for each a line out, {operation, wrong: [..]}. What an answer must have is left out of account: a
// stand-in says what is read of it. That each thing is of the right type, and null only where it may be,
// is not.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { resolve } from 'node:path'
import { reader } from './graphql.mjs'

const root = resolve(process.argv[2])
const require = createRequire(`${root}/`)
const Ajv = require('ajv')
const file = `${root}/@octokit/openapi/generated/api.github.com.json`

// JSON Schema has no `nullable`: OpenAPI 3.0 says so of a type, or of what it refers to.
const nullable = (key, value) => {
  if (value?.nullable !== true) return value
  const { nullable: _, ...rest } = value
  if (!rest.type) return { anyOf: [{ type: 'null' }, rest] }
  const listed = rest.enum ? { enum: [...rest.enum, null] } : {}
  return { ...rest, ...listed, type: [rest.type, 'null'] }
}
const strict = JSON.parse(readFileSync(file, 'utf8'), nullable)

const lenient = JSON.parse(JSON.stringify(strict, (key, value) =>
  key === 'required' && Array.isArray(value) ? undefined : value))
// What "one of" tells apart is often only by what is required.
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true, logger: false })
ajv.addSchema(strict, 'strict')
ajv.addSchema(lenient, 'lenient')

const pointer = (...parts) =>
  parts.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
const follow = (doc, node) =>
  node?.$ref ? node.$ref.slice(2).split('/').reduce((at, part) => at[part.replaceAll('~1', '/')], doc) : node

const templates = Object.keys(strict.paths).map((template) => {
  const parts = template.split('/').map((part, at, all) => {
    if (!part.startsWith('{')) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\\\{[^}]*\\\}/g, '[^/]+')
    // A branch or a path has slashes in it.
    return /^\{(ref|branch|path|basehead)\}$/.test(part) && at === all.length - 1 ? '.+' : '[^/]+'
  })
  return { template, literal: template.split('/').filter((p) => !p.startsWith('{')).length, is: new RegExp(`^${parts.join('/')}$`) }
}).sort((a, b) => b.literal - a.literal)

const compiled = new Map()
function errors(doc, at, value) {
  const id = `${doc}#${at}`
  if (!compiled.has(id)) compiled.set(id, ajv.compile({ $ref: id }))
  const validate = compiled.get(id)
  return validate(value) ? [] : validate.errors.map((e) => `${e.instancePath || '/'} ${e.message}`)
}

function check({ method, path, asked, status, answer }) {
  const [bare, query] = path.split('?')
  const verb = method.toLowerCase()
  const found = templates.find(({ template, is }) => is.test(bare) && strict.paths[template][verb])
  if (!found) return { operation: null, wrong: [`${method} ${bare} is no operation`] }
  const { template } = found
  const operation = strict.paths[template][verb]
  const wrong = []
  const known = [...(strict.paths[template].parameters ?? []), ...(operation.parameters ?? [])]
    .map((parameter) => follow(strict, parameter)).filter((parameter) => parameter.in === 'query')
  for (const [name] of new URLSearchParams(query ?? '')) {
    if (!known.some((parameter) => parameter.name === name)) wrong.push(`?${name} is no parameter`)
  }
  const body = operation.requestBody?.content?.['application/json']
  if (asked !== null && asked !== undefined) {
    if (!body) wrong.push('it takes no body')
    else wrong.push(...errors('strict', pointer('paths', template, verb, 'requestBody', 'content', 'application/json', 'schema'), asked).map((e) => `asked: ${e}`))
  } else if (operation.requestBody?.required) wrong.push('it needs a body')
  const told = operation.responses[status]
  // GitHub does not list all that it may refuse, that it failed, or that nothing changed.
  if (told && status < 300) {
    const at = told.$ref ? told.$ref.slice(1) : pointer('paths', template, verb, 'responses', status)
    if (answer != null && follow(strict, told).content?.['application/json']) {
      wrong.push(...errors('lenient', `${at}${pointer('content', 'application/json', 'schema')}`, answer).map((e) => `answer: ${e}`))
    }
  } else if (!told && status < 400 && status !== 304) wrong.push(`${status} is no answer of it`)
  return { operation: `${method} ${template}`, wrong }
}

let graphql
const held = (call) => {
  if (call.path !== '/graphql') return check(call)
  graphql ??= reader(root)
  return graphql(call)
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(held(JSON.parse(line))))
}
