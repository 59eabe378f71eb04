-- Notes to which hosts hardly anything is sent. KEYS: meta. ARGV: token, prefix, host, what is known of it, … Returns whether the claim holds.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
redis.call('DEL', ARGV[2] .. 'circuits')
for i = 3, #ARGV, 2 do redis.call('HSET', ARGV[2] .. 'circuits', ARGV[i], ARGV[i + 1]) end
return 1
