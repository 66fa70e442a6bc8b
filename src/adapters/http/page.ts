/**
 * The web page: members, right to act, ring shares and tasks at a glance, without anything from elsewhere. It holds no
 * data; its script asks the API like any other client, with a token when one is needed. The policy allows exactly this
 * script and this style, by their hashes, and talking to this origin.
 */
import { hash } from 'node:crypto'

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --ok: #2a8a3e; --warn: #b7791f; --bad: #c53030 }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 64rem; margin: 1.5rem auto; padding: 0 1rem }
h1 { font-size: 1.3rem } h2 { font-size: 1rem; margin: 1.6rem 0 .4rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line) }
th { font-weight: 600 } td.n { text-align: right; font-variant-numeric: tabular-nums }
.alive, .succeeded { color: var(--ok) } .suspect, .retrying { color: var(--warn) } .dead { color: var(--bad) } .left, .cancelled { opacity: .6 }
meter { width: 100% } #state { padding: .3rem .6rem; border-left: 4px solid var(--line) }
#state.ready { border-color: var(--ok) } #state.not { border-color: var(--warn) } #state.gone { border-color: var(--bad) }
[hidden] { display: none }
`

const SCRIPT = `
'use strict'
const REFRESH_MS = 1000
const LISTS_MS = 5000
let listsAt = 0
let token = ''
const at = id => document.getElementById(id)
async function ask(path) {
  const response = await fetch(path, { headers: token ? { authorization: 'Bearer ' + token } : {}, cache: 'no-store' })
  if (response.status === 401) at('access').hidden = false
  if (!response.ok) throw new Error((await response.json()).title)
  return response.json()
}
function rows(id, lists) {
  const body = document.createElement('tbody')
  for (const cells of lists) {
    const row = body.insertRow()
    for (const cell of cells) {
      const spot = row.insertCell()
      if (cell instanceof Node) spot.append(cell)
      else if (Array.isArray(cell)) { spot.textContent = cell[0]; spot.className = cell[1] }
      else spot.textContent = cell ?? ''
    }
  }
  at(id).tBodies[0].replaceWith(body)
}
function meter(share, most) {
  const bar = document.createElement('meter')
  bar.max = most
  bar.value = share
  bar.textContent = (share * 100).toFixed(1) + ' %'
  return bar
}
function span(ms) {
  const s = Math.floor(ms / 1000)
  return s < 120 ? s + ' s' : s < 7200 ? Math.floor(s / 60) + ' min' : Math.floor(s / 3600) + ' h'
}
function showStatus(status) {
  const state = at('state')
  state.className = status.ready.ready ? 'ready' : 'not'
  const why = status.ready.reasons.map(reason => reason.detail).join('; ')
  state.textContent = status.nodeId + ' in ' + status.cluster + ': ' + status.phase + (why ? '. ' + why : '') +
    '. ' + (status.cordoned ? 'Cordoned. ' : '') + 'Mode ' + status.mode + ', up ' + span(status.uptimeMs) + ', version ' + status.version +
    ', ring ' + status.ring.checksum + ' shared by ' + (status.ring.agreement * 100).toFixed(0) + ' %'
  showRight(status.grants)
  document.title = status.nodeId + ' - Roundtable'
  rows('counts', Object.entries(status.tasks.owned).map(([name, count]) => [[name, name], [String(count), 'n']]))
}
function showRight(grants) {
  at('right').hidden = !grants.enabled
  if (!grants.enabled) return
  const names = grants.voters ? grants.voters.names : []
  const lease = grants.leaseForMs === undefined ? 'This node holds no quorum of grants: it does not act.'
    : 'This node may act for ' + (grants.leaseForMs / 1000).toFixed(1) + ' s unless renewed.'
  at('lease').textContent = lease + ' Granted by ' + grants.grantedBy.length + ' of ' + names.length + ' voters, term ' +
    grants.term + (grants.voter && !grants.granting ? '. As a voter it grants nothing yet' : '') + '.'
  at('lease').className = grants.leaseForMs === undefined ? 'suspect' : ''
  rows('voters', names.map(name => [name, grants.grantedBy.includes(name) ? ['yes', 'alive'] : ['no', 'suspect']]))
}
function showMembers(members, ring) {
  const shares = new Map(ring.members.map(member => [member.id, member.share]))
  const most = Math.max(0.0001, ...shares.values())
  rows('members', members.map(member => [
    member.id + (member.self ? ' (this node)' : ''),
    [(member.leaving && member.opinion === 'alive' ? 'leaving' : member.opinion) + (member.cordoned ? ', cordoned' : ''), member.opinion],
    [member.rttMs === undefined ? '' : member.rttMs.toFixed(1) + ' ms', 'n'],
    [member.load === undefined ? '' : member.load.running + ' / ' + member.load.queued, 'n'],
    [((shares.get(member.id) ?? 0) * 100).toFixed(1) + ' %', 'n'],
    meter(shares.get(member.id) ?? 0, most),
    member.addresses.join(', '),
  ]))
}
function showTasks(id, tasks) {
  rows(id, tasks.map(({ spec, state, attempts, error }) => [
    spec.id, spec.key, spec.type, [state, state], [String(attempts.length), 'n'],
    attempts.at(-1)?.node ?? '', error === undefined ? '' : error.code,
  ]))
}
function showStats({ cluster, nodes, silent, settling }) {
  const percent = share => share === undefined ? '' : Math.round(share * 100) + ' %'
  const row = (name, s) => [name, ...[s.total, s.queued, s.running, s.done, s.failed, s.busy + ' / ' + s.workers, s.claimed, s.drainPerS.toFixed(1),
    percent(s.vitals?.cpu), percent(s.vitals?.memory)].map(n => [String(n), 'n'])]
  rows('work', [...nodes.map(node => row(node.node, node)), row('all', cluster), ...silent.map(name => [[name + ' did not answer', 'suspect']]),
    ...settling.map(name => [[name + ' is just taking over tasks, or sees another ring', 'suspect']])])
}
// Lists cost a node more than figures do, and change less.
async function refreshLists() {
  if (performance.now() < listsAt) return
  const [ran, dead] = await Promise.all([ask('/v1/tasks?scope=ran&limit=20'), ask('/v1/dead?limit=20')])
  showTasks('tasks', ran.tasks)
  showTasks('dead', dead.tasks)
  listsAt = performance.now() + LISTS_MS
}
async function refresh() {
  try {
    showStatus(await ask('/v1/status'))
    const [{ members }, ring, stats] = await Promise.all([ask('/v1/members'), ask('/v1/ring'), ask('/v1/stats')])
    showMembers(members, ring)
    showStats(stats)
    await refreshLists()
    at('access').hidden = true
  } catch (error) {
    at('state').className = 'gone'
    at('state').textContent = 'No answer: ' + error.message
  }
  setTimeout(refresh, document.hidden ? 5 * REFRESH_MS : REFRESH_MS)
}
at('access').addEventListener('submit', event => {
  event.preventDefault()
  token = at('token').value
})
refresh()
`

const sourceOf = (text: string): string => `'sha256-${hash('sha256', text, 'base64')}'`

export const PAGE_POLICY = [
  "default-src 'none'",
  `script-src ${sourceOf(SCRIPT)}`,
  `style-src ${sourceOf(STYLE)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const table = (id: string, ...heads: readonly string[]): string =>
  `<table id="${id}"><thead><tr>${heads.map(head => `<th>${head}</th>`).join('')}</tr></thead><tbody></tbody></table>`

export function page(): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Roundtable</title><link rel="icon" href="data:,"><style>${STYLE}</style></head>
<body><h1>Roundtable</h1><p id="state" role="status">Asking this node...</p>
<form id="access" hidden><label>Token <input id="token" type="password" autocomplete="off"></label> <button>Use</button></form>
<section id="right" hidden><h2>Right to act</h2><p id="lease"></p>${table('voters', 'voter', 'grants to this node')}</section>
<h2>Members</h2>${table('members', 'node', 'status', 'round trip', 'running / queued', 'keys', 'share', 'addresses')}
<h2>Work</h2>${table('work', 'node', 'total', 'queued', 'running', 'done', 'failed', 'workers', 'claimed', 'per s', 'cpu', 'memory')}
<h2>Tasks owned by this node</h2>${table('counts', 'state', 'tasks')}
<h2>Tasks that ran here</h2>${table('tasks', 'id', 'key', 'type', 'state', 'attempts', 'last on', 'error')}
<h2>Dead letters of all nodes</h2>${table('dead', 'id', 'key', 'type', 'state', 'attempts', 'last on', 'error')}
<script>${SCRIPT}</script></body></html>
`
}
