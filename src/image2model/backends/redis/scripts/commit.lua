-- Writes all of a change, if everything is still as it was read, or nothing.
--
-- What a change means was decided where it was made, by the rules that all stores share. Here
-- only that is decided which others may have changed meanwhile without being in its way: the
-- job's version, whether its last item is final now, what was spent, and which files nothing
-- names any more.
--
-- KEYS: 1 receipt, 2 the job, 3 its items' versions, 4 its counts, 5 how often files are named,
--       6 of which file another one is made, 7 the stop of spending, 8 what attempts cost,
--       9 whose derived files are and their sizes, 10 when they were used
-- ARGV: 1 the change as JSON, 2 the start of the keys that list what is made of a file,
--       3 how long the receipt is kept, in seconds
-- Returns JSON: {conflict}, {stopped}, {over} or {version, counts, gone}.

-- Whoever did not hear our answer sends the same again, and gets the same answer.
local answered = redis.call('GET', KEYS[1])
if answered then
  return answered
end

local change = cjson.decode(ARGV[1])

for _, lock in ipairs(change.locks) do
  if (redis.call('GET', lock[1]) or '') ~= lock[2] then
    return cjson.encode({conflict = true})
  end
end
for _, check in ipairs(change.checks) do
  if (redis.call('HGET', check[1], check[2]) or cjson.null) ~= check[3] then
    return cjson.encode({conflict = true})
  end
end

local stopped = change.starts and redis.call('GET', KEYS[7])
if stopped and (change.pays or cjson.decode(stopped).everything) then
  return cjson.encode({stopped = stopped})
end

local function spent_since(ledger, start)
  local keys = redis.call('ZRANGE', ledger, '(' .. start, '+inf', 'BYSCORE')
  local sum = 0
  for place = 1, #keys, 1000 do
    local some = {unpack(keys, place, math.min(place + 999, #keys))}
    for _, charge in ipairs(redis.call('HMGET', KEYS[8], unpack(some))) do
      sum = sum + (tonumber(charge) or 0)
    end
  end
  return sum
end

for _, budget in ipairs(change.budgets) do
  local spent
  if budget.since == cjson.null then
    spent = tonumber(redis.call('HGET', KEYS[2], 'spent') or 0)
  else
    spent = spent_since(budget.ledger, budget.since)
  end
  if spent + budget.wanted > budget.limit then
    return cjson.encode({over = budget.scope, needed = spent + budget.wanted})
  end
end

local function run(commands)
  for _, command in ipairs(commands) do
    redis.call(unpack(command))
  end
end

local version = 0
if change.bumps then
  version = redis.call('HINCRBY', KEYS[2], 'version', 1)
  for _, index in ipairs(change.touched) do
    redis.call('ZADD', KEYS[3], version, index)
  end
end
for state, difference in pairs(change.counts) do
  redis.call('HINCRBY', KEYS[4], state, difference)
end
run(change.commands)

if #change.leaving > 0 and redis.call('EXISTS', change.leaving[1]) == 0 then
  redis.call('SREM', change.leaving[2], change.leaving[3])
end

local function tell(events)
  for _, event in ipairs(events) do
    if redis.call('EXISTS', event[1]) == 1 then
      redis.call('RPUSH', event[2], event[3])
    end
  end
end

tell(change.events)
if #change.over > 0 then
  local open = 0
  for _, count in ipairs(redis.call('HMGET', KEYS[4], unpack(change.open_states))) do
    open = open + (tonumber(count) or 0)
  end
  if open == 0 then
    run(change.over)
    tell(change.over_events)
  end
end

local gone = {}
for artifact, difference in pairs(change.references) do
  if redis.call('HINCRBY', KEYS[5], artifact, difference) <= 0 then
    redis.call('HDEL', KEYS[5], artifact)
    gone[#gone + 1] = artifact
    local made = ARGV[2] .. artifact
    for _, derived in ipairs(redis.call('SMEMBERS', made)) do
      redis.call('HDEL', KEYS[6], derived)
      redis.call('HDEL', KEYS[9], derived)
      redis.call('ZREM', KEYS[10], derived)
      gone[#gone + 1] = derived
    end
    redis.call('DEL', made)
  end
end

local job = redis.call('HGET', KEYS[2], 'job') or ''
local counts = redis.call('HGETALL', KEYS[4])
local answer = cjson.encode({version = version, job = job, counts = counts, gone = gone})
redis.call('SET', KEYS[1], answer, 'EX', ARGV[3])
return answer
