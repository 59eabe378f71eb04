-- Makes another generation the live one, if it is not behind: readers have the one or the other, and its writer is fenced.
-- KEYS: live, the pointer to flip to, previous, wake. ARGV: prefix, the generation to flip to, stories whose readers begin anew (JSON) or '',
-- the offset that is enough to have reached, or ''.
-- Returns 'OK', 'DONE' if it is live already, 'GONE' if the pointer names another, or 'BEHIND' and the offset that it has to reach.
local live, to = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
if to ~= ARGV[2] then
  if live == ARGV[2] then return 'DONE' end
  return 'GONE'
end
local function read(generation)
  return redis.call('HMGET', ARGV[1] .. generation .. ':meta', 'next', 'log')
end
local mine = read(to)
if not mine[1] then return 'GONE' end
if live then
  local theirs = read(live)
  -- A live generation of another log says nothing about how far this one has to be.
  local wanted = tonumber(theirs[1])
  if ARGV[4] ~= '' then wanted = math.min(wanted, tonumber(ARGV[4])) end
  if theirs[2] == mine[2] and tonumber(mine[1]) < wanted then return 'BEHIND ' .. string.format('%d', wanted) end
  redis.call('HDEL', ARGV[1] .. live .. ':meta', 'token')
end
redis.call('DEL', KEYS[2])
if live then redis.call('SET', KEYS[3], live) end
redis.call('SET', KEYS[1], to)
if ARGV[3] ~= '' then redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, '*', 'stories', '{}', 'reset', ARGV[3]) end
return 'OK'
