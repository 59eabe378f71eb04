-- Puts a story that was built anew in its place, if it still stands where it was built to. Readers have the one or the other.
-- KEYS: live, wake. ARGV: prefix, generation, story, its state and its parked entry as they were found ('' for none), the offset that was
-- built to, {the keys that lie under rebuild/, the keys that are no more, writes to the partition's shared keys} packed, '1' for a reset.
-- Returns 'OK', 'GONE' if another generation is live, 'MOVED' if the story went on, 'LOST' if what was built is not there, or
-- 'BROKEN' and a shared key that is of another kind; nothing was written unless it is 'OK'.
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 'GONE' end
local g, story = ARGV[1] .. ARGV[2] .. ':', ARGV[3]
local function field(key) return redis.call('HGET', g .. key, story) or '' end
if field('stories') ~= ARGV[4] or field('parked') ~= ARGV[5] then return 'MOVED' end
-- A parked story's state does not show that more of its records came by.
if ARGV[5] ~= '' and redis.call('HGET', g .. 'meta', 'next') ~= ARGV[6] then return 'MOVED' end
local built, gone, writes = unpack(cmsgpack.unpack(ARGV[7]))
local function kind(key) return redis.call('TYPE', key).ok end
-- Calls a command with many keys at once, each with a prefix; returns the sum of what it returns.
local function many(command, prefix, names)
  local sum = 0
  for from = 1, #names, 1000 do
    local some = {}
    for i = from, math.min(from + 999, #names) do some[#some + 1] = prefix .. names[i] end
    sum = sum + redis.call(command, unpack(some))
  end
  return sum
end
if many('EXISTS', g .. 'rebuild/', built) ~= #built then return 'LOST' end
for _, write in ipairs(writes) do
  local found, wanted = kind(write[2]), string.sub(write[1], 1, 1) == 'H' and 'hash' or 'zset'
  if found ~= 'none' and found ~= wanted then return 'BROKEN ' .. write[2] end
end
for _, write in ipairs(writes) do
  redis.call(unpack(write))
end
many('UNLINK', g, built) -- what a rename overwrites is freed at once, which blocks for long
for _, key in ipairs(built) do
  redis.call('RENAME', g .. 'rebuild/' .. key, g .. key)
end
many('UNLINK', g, gone)
redis.call('HDEL', g .. 'parked', story)
redis.call('HDEL', g .. 'meta', 'token')
if ARGV[8] == '1' then redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'stories', '{}', 'reset', cjson.encode({story})) end
return 'OK'
