import { CLUSTER_NAME_PATTERN, NODE_ID_PATTERN } from '../../base/ids.ts'
import { isSeed } from '../addresses.ts'
import type { Option } from '../option.ts'
import { decimal, duration, listOf, oneOf, text } from '../option-type.ts'
import { schedulesType } from '../schedules.ts'
import { pathType } from '../shapes.ts'
import { taskListsType } from '../task-lists.ts'

/** Every seed costs a dial and a timer while it does not answer. */
const SEEDS_MAX = 256

/** @param hostname of this machine, or of the container */
export const generalOptions = (hostname: string): readonly Option[] => [
  {
    key: 'nodeId',
    alias: 'NODE_ID',
    type: text(
      'a name of letters, digits, ".", "_" and "-", 128 at most, that begins and ends with a letter or digit',
      NODE_ID_PATTERN,
      'name',
    ),
    default: hostname,
    defaultText: 'the hostname',
    doc: 'Stable name of this node. The ring is built on it: a node that comes back under another name gets other keys. Must differ between all nodes of a cluster.',
  },
  {
    key: 'cluster',
    type: text(
      'a name of letters, digits, ".", "_" and "-", 64 at most, that begins and ends with a letter or digit',
      CLUSTER_NAME_PATTERN,
      'name',
    ),
    default: 'roundtable',
    doc: 'Name of the cluster, the same on all its nodes. It is part of every protocol id, so two clusters never merge, even where one reuses the addresses of the other.',
  },
  {
    key: 'dataDir',
    type: pathType,
    path: true,
    default: 'roundtable-data',
    doc: 'Where identity key, boot number and store live; created with mode 0700. Keep it over restarts: without it an accepted task is lost with the process. One daemon at a time holds it. A relative path counts from the file that names it, else from the working directory.',
  },
  {
    key: 'seeds',
    alias: 'NODE_LIST',
    flagAlias: 'seed',
    type: listOf(
      text('host:port, a host (its port is transport.port), or dns+srv:name', isSeed, 'address'),
      SEEDS_MAX,
    ),
    default: [],
    reload: 'applied',
    doc: 'Peers to ask first; one that answers is enough, and this node may be among them. Names are looked up again at every try, and every minute where they lead to several places. Without any, this node waits to be found. In ROUNDTABLE_SEEDS, NODE_LIST or a flag: addresses between commas (one is enough), or a JSON array of them.',
  },
  {
    key: 'weight',
    type: decimal(0.01, 100),
    default: 1,
    reload: 'applied',
    doc: 'Share of the keys relative to the other nodes: 2 owns twice as many as 1. `roundtable weight` changes it until the next start. Small numbers do: once the weights of all add up to more than 1,024 (or 2,048, and so on), half of the keys move.',
  },
  {
    key: 'taskLists',
    type: taskListsType,
    default: [],
    doc: 'Shared task lists: files that every node has and of which each runs what it owns. YAML, or NDJSON where the name ends in .ndjson or .jsonl. A path, or {path, allowInvalid: true} to run the valid tasks of a list that also has invalid ones.',
  },
  {
    key: 'schedules',
    type: schedulesType,
    default: [],
    reload: 'applied',
    doc: 'Schedules that every node has: {name, cron, timeZone, task} or {name, everyMs, task}, with catchUp, overlap and paused, as the API takes them. Each slot becomes one task in the whole cluster. What the owner of the name has here counts; one that is taken out is removed.',
  },
  {
    key: 'log.level',
    type: oneOf(['debug', 'info', 'warn', 'error']),
    default: 'info',
    reload: 'applied',
    doc: 'Least important log lines to write.',
  },
  {
    key: 'leaveMs',
    type: duration(0, 600_000),
    default: 15_000,
    doc: 'A leave (SIGTERM, /v1/leave) lets running attempts end for this long, then the process goes anyway. Keep it below the grace period of the container (30 s in Kubernetes; 10 s in Docker, so the image sets 8s).',
  },
]
