-- What the notifier's scripts share: where a subscription stands in a story (a pair), and when it is due.
-- A score is a time in milliseconds; what is urgent comes before all that is not.
local URGENT = 10000000000000

local function whole(number) return string.format('%d', number) end

local function standing(g, sub, story)
  local found = redis.call('HGET', g .. 'at/' .. sub, story)
  if not found then return 0, 0 end
  local at, sent = string.match(found, '(%d+) (%d+)')
  return tonumber(at), tonumber(sent)
end

local function stand(g, sub, story, at, sent)
  redis.call('HSET', g .. 'at/' .. sub, story, whole(at) .. ' ' .. whole(sent))
end

local function await(g, sub, story, score)
  redis.call('ZADD', g .. 'due/' .. sub, 'LT', whole(score), story)
  redis.call('ZADD', g .. 'turns', 'LT', whole(score), sub)
end

local function score_of(now, urgent) return urgent and now - URGENT or now end

-- Makes a pair due for a change, once however many there are. One that was idle has nothing to look at before this change.
local function mark(g, sub, story, seq, urgent, now)
  local at, sent = standing(g, sub, story)
  if seq <= at then return end
  local pair = sub .. '/' .. story
  if redis.call('HEXISTS', g .. 'held', pair) == 1 then
    if urgent then redis.call('HSET', g .. 'again', pair, 1) end
    return
  end
  local is_due = redis.call('ZSCORE', g .. 'due/' .. sub, story)
  if not is_due and seq - 1 > at then stand(g, sub, story, seq - 1, sent) end
  if urgent or not is_due then await(g, sub, story, score_of(now, urgent)) end
end

-- Makes a pair due again that was held, if anything is left to look at.
local function go_on(g, sub, story, now)
  local pair = sub .. '/' .. story
  local urgent = redis.call('HDEL', g .. 'again', pair) == 1
  local last = redis.call('XREVRANGE', g .. 'news/' .. story, '+', '-', 'COUNT', 1)[1]
  local at = standing(g, sub, story)
  if redis.call('HEXISTS', g .. 'redo', pair) == 1 or (last and tonumber(string.match(last[1], '%d+')) > at) then
    await(g, sub, story, score_of(now, urgent))
  end
end

-- Takes what `is_done` says is done out of what a pair is to be sent once more.
local function redriven(g, pair, is_done)
  local redo = redis.call('HGET', g .. 'redo', pair)
  if not redo then return end
  local left = {}
  for _, asked in ipairs(cjson.decode(redo)) do
    if not is_done(asked) then left[#left + 1] = asked end
  end
  if #left > 0 then redis.call('HSET', g .. 'redo', pair, cjson.encode(left)) else redis.call('HDEL', g .. 'redo', pair) end
end
