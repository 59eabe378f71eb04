-- Reads at which record of a story a generation is. KEYS: stories. ARGV: story. Returns its seq, 0 if it does not know the story or
-- what it holds of it is damaged.
local state = redis.call('HGET', KEYS[1], ARGV[1])
local is_whole, found = pcall(cjson.decode, state or '')
return is_whole and type(found) == 'table' and tonumber(found[3]) or 0
