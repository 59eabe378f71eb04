-- Takes a partition of the live generation; makes the first generation where there is none.
-- KEYS: live. ARGV: prefix, token, log id, fold version.
-- Returns the generation and its next offset, log id, fold version, homeless and undecodable records.
local generation = redis.call('GET', KEYS[1])
if not generation then
  generation = 'g1'
  redis.call('SET', KEYS[1], generation)
end
local meta = ARGV[1] .. generation .. ':meta'
if redis.call('HSETNX', meta, 'next', 0) == 1 then
  redis.call('HSET', meta, 'log', ARGV[3], 'fold', ARGV[4], 'homeless', 0, 'undecodable', 0)
end
redis.call('HSET', meta, 'token', ARGV[2])
local found = redis.call('HMGET', meta, 'next', 'log', 'fold', 'homeless', 'undecodable')
return {generation, unpack(found)}
