-- Reads what the fold needs of the stories that a batch touches, in one packed answer.
-- A key of another kind is that story's damage and no other's: such a story's answer is what is wrong, in words.
-- KEYS: meta. ARGV: the generation's prefix, {{story, {update, …}, {event id, …}}, …} packed.
local g = ARGV[1]
local found = {}
local wrong
local function read(key, fields)
  if #fields == 0 then return {} end
  local values = redis.pcall('HMGET', key, unpack(fields))
  if not values.err then return values end
  if not string.find(values.err, '^WRONGTYPE') then error(values.err, 0) end
  wrong = key .. ' is no hash'
end
for i, need in ipairs(cmsgpack.unpack(ARGV[2])) do
  local story, updates, events = need[1], need[2], need[3]
  local state = redis.call('HGET', g .. 'stories', story)
  if state then
    wrong = nil
    found[i] = {state, read(g .. 'state/' .. story, updates), read(g .. 'docs/' .. story, updates), read(g .. 'events/' .. story, events)}
    if wrong then found[i] = wrong end
  else
    found[i] = {}
  end
end
return cmsgpack.pack(found)
