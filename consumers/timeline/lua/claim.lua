-- Takes a partition of the generation that a pointer names, if it was built from this log by this fold.
-- Where there is none, one is made: the live one counts on from what was there, another has the name that is given for it.
-- KEYS: pointer. ARGV: prefix, token, log id, fold version, a new generation's name ('' for live), now in milliseconds,
-- the offset that a new one begins at.
-- Returns the generation and its next offset, log id, fold version, homeless and undecodable records, what has torn it (''), and its parked
-- stories with their entries; nothing if none may be made.
local generation = redis.call('GET', KEYS[1])
local meta = generation and ARGV[1] .. generation .. ':meta'
if not meta or redis.call('HEXISTS', meta, 'next') == 0 then
  -- A generation that has lost its cursor cannot be gone on with: what it holds would be written over itself.
  if ARGV[5] == 'none' then return {} end
  local number = generation and tonumber(string.match(generation, '%d+')) or 0
  generation = ARGV[5]
  if generation ~= '' then
    meta = ARGV[1] .. generation .. ':meta'
    if redis.call('HEXISTS', meta, 'next') == 1 then return {} end -- it is live by now
  else
    repeat -- the next number may be that of one that is being built
      number = number + 1
      generation = 'g' .. string.format('%d', number)
      meta = ARGV[1] .. generation .. ':meta'
    until redis.call('HEXISTS', meta, 'next') == 0
  end
  redis.call('HSET', meta, 'next', ARGV[7], 'log', ARGV[3], 'fold', ARGV[4], 'homeless', 0, 'undecodable', 0, 'made', ARGV[6])
  if ARGV[7] ~= '0' then redis.call('HSET', meta, 'first', ARGV[7]) end
  redis.call('SET', KEYS[1], generation)
end
local found = redis.call('HMGET', meta, 'next', 'log', 'fold', 'homeless', 'undecodable', 'torn')
found[6] = found[6] or ''
if found[2] == ARGV[3] and found[3] == ARGV[4] then redis.call('HSET', meta, 'token', ARGV[2]) end
found[#found + 1] = redis.call('HGETALL', ARGV[1] .. generation .. ':parked')
return {generation, unpack(found)}
