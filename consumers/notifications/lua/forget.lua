-- Forgets what waits for subscriptions that have ended. KEYS: meta. ARGV: token, prefix, {subscription, …} packed.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
for _, sub in ipairs(cmsgpack.unpack(ARGV[3])) do
  redis.call('DEL', ARGV[2] .. 'due/' .. sub, ARGV[2] .. 'at/' .. sub)
  redis.call('ZREM', ARGV[2] .. 'turns', sub)
  redis.call('HDEL', ARGV[2] .. 'hosts', sub)
end
return 1
