-- Lets go of what others have reserved who will not send it any more.
-- KEYS: meta. ARGV: token, prefix, now in milliseconds, {{pair, what stands there}, …} packed. Returns 1, or 0 if the claim is lost.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
local g, now = ARGV[2], tonumber(ARGV[3])
for _, one in ipairs(cmsgpack.unpack(ARGV[4])) do
  if redis.call('HGET', g .. 'held', one[1]) == one[2] then
    local sub, story = string.match(one[1], '^([^/]*)/(.*)$')
    redis.call('HDEL', g .. 'held', one[1])
    go_on(g, sub, story, now)
  end
end
return 1
