-- Reads what the fold needs of the stories that a batch touches, in one packed answer.
-- KEYS: meta. ARGV: the generation's prefix, {{story, {update, …}, {event id, …}}, …} packed.
local g = ARGV[1]
local found = {}
local function read(key, fields)
  if #fields == 0 then return {} end
  return redis.call('HMGET', key, unpack(fields))
end
for i, need in ipairs(cmsgpack.unpack(ARGV[2])) do
  local story, updates, events = need[1], need[2], need[3]
  local state = redis.call('HGET', g .. 'stories', story)
  if state then
    found[i] = {state, read(g .. 'state/' .. story, updates), read(g .. 'docs/' .. story, updates), read(g .. 'events/' .. story, events)}
  else
    found[i] = {}
  end
end
return cmsgpack.pack(found)
