// What must happen in Redis at one stroke: the Lua behind publishing, settling, claiming, counting and housekeeping.
// All scripts share one opening, one order of keys and one shape of reply.
import { DEAD_LETTERS_KEPT } from './limits.ts';
import type { Script } from './redis-connection.ts';
import { createScript } from './redis-connection.ts';

/** Names in front of an entry's own fields: the scripts read them at fixed places. */
export const ID_FIELD = 'bus.id';
export const PAIRS_FIELD = 'bus.pairs';

/** Trimming at most so many entries in one publication keeps it short after the limit was lowered. */
const TRIM_AT_ONCE = 100;

// ARGV 1 to 5 are common: prefix of body keys, prefix of wait keys, the epoch to set if none is, and what to book as lost
// then, by group. XINFO lists may hold false, never nil, so # is safe.
const OPENING = `
local stream, dead, counters, epoch, recent, bytes = unpack(KEYS)
local body_prefix, wait_prefix = ARGV[1], ARGV[2]
local GROUPS = { 'history', 'compare' }

local function weight_of(group, planned)
  if group == 'history' then return 1 end
  return tonumber(planned)
end

local function number_of(hash, field)
  return tonumber(redis.call('HGET', hash, field) or 0)
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function book_dead(group, weight, id, reason, cause)
  if weight <= 0 then return end
  redis.call('HINCRBY', counters, 'dead:' .. group, weight)
  redis.call('HINCRBY', counters, 'dead:' .. group .. ':' .. reason, weight)
  redis.call('XADD', dead, 'MAXLEN', '~', ${DEAD_LETTERS_KEPT}, '*',
    'id', id, 'group', group, 'reason', reason, 'error', cause, 'weight', weight)
end

local function make_groups()
  for _, group in ipairs(GROUPS) do
    redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
  end
end

-- Reads before it writes: a full server still takes scripts that only free memory.
local opened = 0
if redis.call('EXISTS', epoch) == 0 then
  opened = 1
  redis.call('SET', epoch, ARGV[3])
  make_groups()
  for index, group in ipairs(GROUPS) do
    local lost = tonumber(ARGV[3 + index])
    if lost > 0 then
      redis.call('HINCRBY', counters, 'published:' .. group, lost)
      book_dead(group, lost, '', 'bus_reset', 'Redis was flushed or replaced')
    end
  end
end

local function give_back(id)
  redis.call('UNLINK', body_prefix .. id)
  local held = redis.call('HGET', bytes, id)
  if held then
    redis.call('HINCRBY', bytes, ':total', 0 - held)
    redis.call('HDEL', bytes, id)
  end
end

local function release(group, id)
  local wait = wait_prefix .. id
  if redis.call('SREM', wait, group) == 1 and redis.call('EXISTS', wait) == 0 then give_back(id) end
end

local function forget_expired(limit)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', recent, '-inf', now_ms(), 'LIMIT', 0, limit)) do
    give_back(id)
    redis.call('ZREM', recent, id)
  end
end

local function cursors()
  local found = {}
  local reply = redis.pcall('XINFO', 'GROUPS', stream)
  if reply.err then return found end
  for _, info in ipairs(reply) do
    local named = {}
    for i = 1, #info, 2 do named[info[i]] = info[i + 1] end
    found[named['name']] = named['last-delivered-id']
  end
  return found
end

local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

local function is_after(a, b)
  local a_ms, a_seq = parts(a)
  local b_ms, b_seq = parts(b)
  return a_ms > b_ms or (a_ms == b_ms and a_seq > b_seq)
end

-- What the stream itself holds for a group: pending and undelivered entries, and pending ids whose entry is gone.
local function measure(group)
  local cursor, unsettled, gone = cursors()[group], 0, {}
  local start = '-'
  while cursor do
    local page = redis.call('XPENDING', stream, group, start, '+', 500)
    for _, item in ipairs(page) do
      local entry = redis.call('XRANGE', stream, item[1], item[1])[1]
      if entry then unsettled = unsettled + weight_of(group, entry[2][4]) else gone[#gone + 1] = item[1] end
    end
    if #page < 500 then break end
    start = '(' .. page[#page][1]
  end
  start = '(' .. (cursor or '0-0')
  while true do
    local page = redis.call('XRANGE', stream, start, '+', 'COUNT', 500)
    for _, entry in ipairs(page) do unsettled = unsettled + weight_of(group, entry[2][4]) end
    if #page < 500 then break end
    start = '(' .. page[#page][1]
  end
  return unsettled, gone
end

local function booked(group)
  return number_of(counters, 'published:' .. group), number_of(counters, 'finished:' .. group),
    number_of(counters, 'dead:' .. group)
end

-- Entries that left the stream by another hand than trim_to_length are booked here.
local function reconcile(group)
  local unsettled, gone = measure(group)
  local published, finished, died = booked(group)
  for _, id in ipairs(gone) do redis.call('XACK', stream, group, id) end
  local missing = published - finished - died - unsettled
  book_dead(group, missing, table.concat(gone, ' ', 1, math.min(#gone, 10)), 'trimmed', 'left the stream unsettled')
end

local function reply(...)
  local rest = {}
  for index, group in ipairs(GROUPS) do
    local published, finished, died = booked(group)
    rest[index] = published - finished - died
  end
  return { opened, rest[1], rest[2], ... }
end
`;

const TRIM_TO_LENGTH = `
local function trim_to_length(max)
  local length = redis.call('XLEN', stream)
  local excess = math.min(length - max, ${TRIM_AT_ONCE})
  if excess <= 0 then return end
  local delivered = cursors()
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+', 'COUNT', excess)) do
    local message, id, planned = entry[1], entry[2][2], entry[2][4]
    for _, group in ipairs(GROUPS) do
      local cursor = delivered[group]
      if not cursor or is_after(message, cursor) or redis.call('XACK', stream, group, message) == 1 then
        release(group, id)
        book_dead(group, weight_of(group, planned), id, 'trimmed', 'stream longer than ' .. max .. ' entries')
      end
    end
  end
  redis.call('XTRIM', stream, 'MAXLEN', '=', length - excess)
end
`;

/**
 * Seconds to live, entries at most, body bytes at most, a turn's seconds to live; then for each publication: id, pairs, body
 * (empty: none), key of the turn (empty: none), length of what changes in a repetition (-1: it is not published), changed
 * fields …, length of the fields, fields …
 * → the bytes of all bodies that are held; of each publication `ok`, `repeated` or `dropped_size`.
 */
export const PUBLISH = createScript(`${OPENING}${TRIM_TO_LENGTH}
local ttl, max_entries, max_bytes, turn_ttl = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
local now = now_ms()

local function hold(id, planned, body)
  redis.call('SET', body_prefix .. id, body, 'EX', ttl, 'NX')
  redis.call('SADD', wait_prefix .. id, 'history')
  if planned > 0 then redis.call('SADD', wait_prefix .. id, 'compare') end
  redis.call('EXPIRE', wait_prefix .. id, ttl)
  redis.call('HSET', bytes, id, #body)
  redis.call('HINCRBY', bytes, ':total', #body)
end

local function publish(id, planned, body, turn, changed, fields)
  local expiry = tonumber(redis.call('ZSCORE', recent, id) or 0)
  if expiry > now then return 'ok' end
  if number_of(bytes, ':total') + #body > max_bytes then
    forget_expired(1000)
    if number_of(bytes, ':total') + #body > max_bytes then return 'dropped_size' end
  end
  local outcome = 'ok'
  if turn ~= '' and not redis.call('SET', turn, id, 'NX', 'EX', turn_ttl) then
    if not changed then return 'repeated' end
    outcome, planned = 'repeated', 0
    local values = {}
    for index = 1, #changed, 2 do values[changed[index]] = changed[index + 1] end
    for index = 1, #fields, 2 do fields[index + 1] = values[fields[index]] or fields[index + 1] end
  end
  if #body > 0 then hold(id, planned, body) end
  redis.call('ZADD', recent, now + ttl * 1000, id)
  redis.call('XADD', stream, '*', '${ID_FIELD}', id, '${PAIRS_FIELD}', planned, unpack(fields))
  redis.call('HINCRBY', counters, 'published:history', 1)
  redis.call('HINCRBY', counters, 'published:compare', planned)
  return outcome
end

local at, outcomes = 10, {}
local function take_fields()
  local first, length = at + 1, tonumber(ARGV[at])
  at = first + math.max(length, 0)
  return length >= 0 and { unpack(ARGV, first, at - 1) }
end
while at <= #ARGV do
  local id, planned, body, turn = unpack(ARGV, at, at + 3)
  at = at + 4
  local changed, fields = take_fields(), take_fields()
  outcomes[#outcomes + 1] = publish(id, tonumber(planned), body, turn, changed, fields)
end
trim_to_length(max_entries)
forget_expired(10 * #outcomes)
return reply(number_of(bytes, ':total'), unpack(outcomes))
`);

/** group, message, id, pairs, reason (empty: finished), error → 1 when this call settled it. */
export const SETTLE = createScript(`${OPENING}
local group, message, id, planned, reason, cause = unpack(ARGV, 6)
if redis.call('XACK', stream, group, message) == 0 then return reply(0) end
local weight = weight_of(group, planned)
if reason == '' then
  redis.call('HINCRBY', counters, 'finished:' .. group, weight)
else
  book_dead(group, weight, id, reason, cause)
end
release(group, id)
return reply(1)
`);

/**
 * group, consumer, least idle ms, entries at most, deliveries at most → [message, fields, delivery count] …
 * JUSTID finds without raising the delivery count; the XCLAIM of what is really taken raises it.
 */
export const CLAIM = createScript(`${OPENING}
local group, consumer, idle, count, max = ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10])

local function take(message)
  local entry = redis.call('XRANGE', stream, message, message)[1]
  local pending = redis.call('XPENDING', stream, group, message, message, 1)[1]
  if not entry or not pending then return nil end
  local id, weight, deliveries = entry[2][2], weight_of(group, entry[2][4]), pending[4]
  if weight == 0 or deliveries >= max then
    redis.call('XACK', stream, group, message)
    book_dead(group, weight, id, 'deliveries', 'delivered ' .. deliveries .. ' times, never settled')
    release(group, id)
    return nil
  end
  redis.call('XCLAIM', stream, group, consumer, 0, message)
  return { message, entry[2], deliveries + 1 }
end

local taken, gone, cursor = {}, 0, '0-0'
repeat
  local found = redis.call('XAUTOCLAIM', stream, group, consumer, idle, cursor, 'COUNT', count - #taken, 'JUSTID')
  cursor, gone = found[1], gone + #found[3]
  for _, message in ipairs(found[2]) do taken[#taken + 1] = take(message) end
until cursor == '0-0' or #taken >= count
if gone > 0 then
  for _, each in ipairs(GROUPS) do reconcile(each) end
end
return reply(taken)
`);

/** group, consumer, message: resets the idle time, for the owner only. */
export const HEARTBEAT = createScript(`${OPENING}
local group, consumer, message = unpack(ARGV, 6)
local pending = redis.call('XPENDING', stream, group, message, message, 1)[1]
if pending and pending[2] == consumer then
  redis.call('XCLAIM', stream, group, consumer, 0, message, 'JUSTID')
end
return reply()
`);

/** Makes the groups again after somebody deleted the stream. */
export const MAKE_GROUPS = createScript(`${OPENING}
make_groups()
return reply()
`);

/** group → published, finished, dead, pending as the stream holds it. */
export const COUNT = createScript(`${OPENING}
local group = ARGV[6]
local published, finished, died = booked(group)
local unsettled = measure(group)
return reply(published, finished, died, unsettled)
`);

/** group, reasons … → what died for each since it was last told. */
export const TAKE_DEATHS = createScript(`${OPENING}
local group, taken = ARGV[6], {}
for index = 7, #ARGV do
  local field = group .. ':' .. ARGV[index]
  local died = number_of(counters, 'dead:' .. field)
  taken[index - 6] = died - number_of(counters, 'told:' .. field)
  if taken[index - 6] > 0 then redis.call('HSET', counters, 'told:' .. field, died) end
end
return reply(unpack(taken))
`);

/** group → entries in the stream, age in ms of the oldest one unsettled, dead letters. Reads a few entries, not the backlog. */
export const BACKLOG = createScript(`${OPENING}
local group = ARGV[6]
local cursor, oldest = cursors()[group], nil
if cursor then
  local summary = redis.call('XPENDING', stream, group)
  if summary[1] > 0 then oldest = summary[2] end
end
if not oldest then
  for _, entry in ipairs(redis.call('XRANGE', stream, '(' .. (cursor or '0-0'), '+', 'COUNT', 100)) do
    if weight_of(group, entry[2][4]) > 0 then
      oldest = entry[1]
      break
    end
  end
end
local age = 0
if oldest then age = math.max(0, now_ms() - parts(oldest)) end
return reply(redis.call('XLEN', stream), age, redis.call('XLEN', dead))
`);

/** Idle ms after which a consumer that owns nothing is forgotten. */
export const CLEAN = createScript(`${OPENING}
forget_expired(10000)
for _, group in ipairs(GROUPS) do reconcile(group) end
local delivered, smallest = cursors(), nil
for _, group in ipairs(GROUPS) do
  local needed = '0-0'
  if delivered[group] then
    local summary = redis.call('XPENDING', stream, group)
    local ms, seq = string.match(delivered[group], '^(%d+)-(%d+)$')
    needed = summary[1] > 0 and summary[2] or string.format('%s-%.0f', ms, seq + 1)
    for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
      local named = {}
      for i = 1, #info, 2 do named[info[i]] = info[i + 1] end
      if named['pending'] == 0 and named['idle'] >= tonumber(ARGV[6]) then
        redis.call('XGROUP', 'DELCONSUMER', stream, group, named['name'])
      end
    end
  end
  if not smallest or is_after(smallest, needed) then smallest = needed end
end
if redis.call('EXISTS', stream) == 1 then redis.call('XTRIM', stream, 'MINID', '=', smallest) end
return reply()
`);

/** key, owner, ms: takes or renews. */
export const LEASE: Script = createScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`);

/** key, owner: gives back what the owner holds. */
export const UNLEASE: Script = createScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`);
