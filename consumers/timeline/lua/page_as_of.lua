-- Reads a page of a story's timeline as readers had it once, from the history alone.
-- KEYS: the generation's pointer. ARGV: prefix, story, 'seq' or 'ms', seq or milliseconds, '1' for key events only, place to go on below, limit.
-- Returns the story's state, the seq then, the heading then ('as now', or '' for none yet), the place to go on below, the documents,
-- their places and the generation.
local generation = redis.call('GET', KEYS[1])
if not generation then return {} end
local g, story, limit = ARGV[1] .. generation .. ':', ARGV[2], tonumber(ARGV[7])
local state = redis.call('HGET', g .. 'stories', story)
if not state then return {} end

-- The last change at or before `seq`: its seq and when it was recorded.
local function change_at(seq)
  local found = redis.call('XREVRANGE', g .. 'changes/' .. story, seq .. '-0', '-', 'COUNT', 1)[1]
  if not found then return nil end
  local change = cjson.decode(found[2][2])
  return change[1], change[9]
end

-- Times never go back within a story, so the moment is found by halving.
local function seq_at(ms)
  local low, high = 0, cjson.decode(state)[3]
  while low < high do
    local middle = math.floor((low + high + 1) / 2)
    local seq, at = change_at(middle)
    if not seq or at <= ms then low = middle else high = seq - 1 end
  end
  return change_at(low) or 0
end

local seq = math.min(tonumber(ARGV[4]), cjson.decode(state)[3])
if ARGV[3] == 'ms' then seq = seq_at(tonumber(ARGV[4])) end

-- What stood there at `seq`: the newest entry of its history that was shown, without what it says about itself.
local function stood(name)
  local key, from = g .. 'history/' .. story .. '/' .. name, 0
  while true do
    local entry = redis.call('ZREVRANGEBYSCORE', key, seq, '-inf', 'LIMIT', from, 1)[1]
    if not entry then return '' end
    local line = string.find(entry, '\n', 1, true)
    if cjson.decode(string.sub(entry, 1, line - 1))[3] ~= 'late' then return string.sub(entry, line + 1) end
    from = from + 1
  end
end

-- The last change of an update is not in its history yet: its document tells it, or its whole state while it is withheld.
local function document_at(update)
  local now = redis.call('HGET', g .. 'docs/' .. story, update)
  if now and cjson.decode(now)['seq'] <= seq then return now end
  if not now and cjson.decode(redis.call('HGET', g .. 'state/' .. story, update))[18][1] <= seq then return '' end
  return stood(update)
end

local function heading_at()
  local change = cjson.decode(state)[8]
  if change == cjson.null or change[1] <= seq then return 'as now' end
  return stood('')
end

-- Updates below a place, newest first, of those that are public now and those that are withheld now.
local function below(place)
  local both = {}
  for _, index in ipairs({'index/', 'withheld/'}) do
    local found = redis.call('ZREVRANGEBYSCORE', g .. index .. story, place, '-inf', 'WITHSCORES', 'LIMIT', 0, limit + 1)
    for i = 1, #found, 2 do both[#both + 1] = {found[i], tonumber(found[i + 1])} end
  end
  table.sort(both, function(a, b) return a[2] > b[2] end)
  return both
end

local documents, places, after = {}, {}, ''
local place = ARGV[6]
if place == '+inf' then place = tostring(seq) end
while true do
  local batch = below(place)
  for i = 1, math.min(#batch, limit + 1) do
    local document = document_at(batch[i][1])
    if document ~= '' and (ARGV[5] ~= '1' or cjson.decode(document)['key_event']) then
      if #documents == limit then return {state, seq, heading_at(), after, documents, places, generation} end
      documents[#documents + 1], places[#places + 1] = document, batch[i][2]
      after = '(' .. batch[i][2]
    end
    place = '(' .. batch[i][2]
  end
  if #batch <= limit then return {state, seq, heading_at(), '', documents, places, generation} end
end
