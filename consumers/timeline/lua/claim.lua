-- Takes a partition of the live generation, if it was built from this log by this fold; makes a generation where there is none.
-- KEYS: live. ARGV: prefix, token, log id, fold version.
-- Returns the generation and its next offset, log id, fold version, homeless and undecodable records.
local generation = redis.call('GET', KEYS[1])
local meta = generation and ARGV[1] .. generation .. ':meta'
if not meta or redis.call('HEXISTS', meta, 'next') == 0 then
  -- A generation that has lost its cursor cannot be gone on with: what it holds would be written over itself.
  local number = generation and tonumber(string.match(generation, '%d+')) or 0
  generation = 'g' .. string.format('%d', number + 1)
  meta = ARGV[1] .. generation .. ':meta'
  redis.call('HSET', meta, 'next', 0, 'log', ARGV[3], 'fold', ARGV[4], 'homeless', 0, 'undecodable', 0)
  redis.call('SET', KEYS[1], generation)
end
local found = redis.call('HMGET', meta, 'next', 'log', 'fold', 'homeless', 'undecodable')
if found[2] == ARGV[3] and found[3] == ARGV[4] then redis.call('HSET', meta, 'token', ARGV[2]) end
return {generation, unpack(found)}
