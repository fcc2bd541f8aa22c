-- Reads one state of a job, or of some of its items.
--
-- KEYS: 1 the job, 2 its items' versions, 3 its counts
-- ARGV: 1 only items touched after this version, 2… only these indexes; none: all
-- Returns the time, the job's fields (nil: there is no job), its counts, and for each item its
-- index, version, document and lease.

local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', time[2])
local job = redis.call('HMGET', KEYS[1], 'job', 'version')
if not job[1] then
  return {now}
end

local found = {}
local function add(index, version)
  local fields = redis.call('HMGET', KEYS[1], 'item:' .. index, 'lease:' .. index)
  found[#found + 1] = {index, version, fields[1], fields[2]}
end

if #ARGV > 1 then
  for place = 2, #ARGV do
    local version = redis.call('ZSCORE', KEYS[2], ARGV[place])
    if version then
      add(ARGV[place], version)
    end
  end
else
  local touched =
    redis.call('ZRANGE', KEYS[2], '(' .. ARGV[1], '+inf', 'BYSCORE', 'WITHSCORES')
  for place = 1, #touched, 2 do
    add(touched[place], touched[place + 1])
  end
end
return {now, job, redis.call('HGETALL', KEYS[3]), found}
