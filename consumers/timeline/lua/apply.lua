-- Moves content and cursor together, if the claim still holds and the cursor stands where the batch begins.
-- KEYS: meta, live, wake. ARGV: token, offset, next offset, generation, {{command, key, …}, …} packed, woken stories or ''.
local held = redis.call('HMGET', KEYS[1], 'token', 'next')
if held[1] ~= ARGV[1] then return 'FENCED' end
if held[2] ~= ARGV[2] then return 'MOVED ' .. held[2] end
for _, write in ipairs(cmsgpack.unpack(ARGV[5])) do
  redis.call(unpack(write))
end
redis.call('HSET', KEYS[1], 'next', ARGV[3])
if ARGV[6] ~= '' and redis.call('GET', KEYS[2]) == ARGV[4] then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'stories', ARGV[6])
end
return 'OK'
