-- Reads a partition's stories, the last changed first, each with its state and how many updates are public.
-- KEYS: the generation's pointer. ARGV: prefix, how many at most.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, found = ARGV[1] .. generation .. ':', {}
for i, story in ipairs(redis.call('ZREVRANGE', g .. 'recent', 0, ARGV[2] - 1)) do
  found[i] = {redis.call('HGET', g .. 'stories', story), redis.call('ZCARD', g .. 'index/' .. story)}
end
return found
