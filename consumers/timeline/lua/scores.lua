-- Reads the scores of some members of a sorted set, '' for one that is not there. KEYS: the set. ARGV: members.
local found = {}
for i, member in ipairs(ARGV) do found[i] = redis.call('ZSCORE', KEYS[1], member) or '' end
return found
