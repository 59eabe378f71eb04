-- Reserves pairs that are due, in turns: at most so many of one host, urgent ones first.
-- KEYS: meta. ARGV: token, prefix, owner, now in milliseconds, most pairs, most of one host, {subscription passed over, …} packed,
-- {host = how many, …} packed, of the hosts that may get fewer, or more; the cursor and the steps that the claim's holder knows of.
-- Returns nothing if the claim is lost; else how many steps the index has taken (-1 if it was set back since: nothing is reserved),
-- when the next is due ('' if never), and subscription, story, at, sent, tries and redo of each.
local meta = redis.call('HMGET', KEYS[1], 'token', 'next', 'step')
if tonumber(meta[2] or 0) < tonumber(ARGV[9]) or tonumber(meta[3] or 0) < tonumber(ARGV[10]) then return {-1, '', {}} end
if meta[1] ~= ARGV[1] then return {} end
local g, now, most, of_one = ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local over, room = {}, cmsgpack.unpack(ARGV[8])
for _, sub in ipairs(cmsgpack.unpack(ARGV[7])) do over[sub] = true end
local clock = redis.call('TIME')
local reservation = ARGV[3] .. ' ' .. whole(clock[1] * 1000 + math.floor(clock[2] / 1000))
local next_at, found = '', {}

local function reserve(sub, story)
  local pair = sub .. '/' .. story
  redis.call('ZREM', g .. 'due/' .. sub, story)
  redis.call('HSET', g .. 'held', pair, reservation)
  local at, sent = standing(g, sub, story)
  found[#found + 1] = {sub, story, at, sent, redis.call('HGET', g .. 'tries', pair) or '', redis.call('HGET', g .. 'redo', pair) or ''}
end

local function back(sub) -- to the end of its lane
  local left = redis.call('ZRANGE', g .. 'due/' .. sub, 0, 0, 'WITHSCORES')
  if left[1] then
    local least = tonumber(left[2])
    redis.call('ZADD', g .. 'turns', whole(math.max(least, least < 0 and now - URGENT or now)), sub)
  else
    redis.call('ZREM', g .. 'turns', sub)
  end
end

local start = 0
while next_at == '' do
  local turns = redis.call('ZRANGE', g .. 'turns', start, start + 499, 'WITHSCORES')
  local left = 0 -- of these, how many stay before what is looked at next
  for i = 1, #turns, 2 do
    local sub, score = turns[i], tonumber(turns[i + 1])
    if score > now or #found >= most then
      next_at = whole(math.max(score, now))
      break
    end
    local host = redis.call('HGET', g .. 'hosts', sub) or sub
    local may = over[sub] and 0 or math.min(room[host] or of_one, most - #found)
    if may > 0 then
      for _, story in ipairs(redis.call('ZRANGEBYSCORE', g .. 'due/' .. sub, '-inf', now, 'LIMIT', 0, may)) do
        reserve(sub, story)
        room[host] = (room[host] or of_one) - 1
      end
      back(sub)
    else
      left = left + 1
    end
  end
  if #turns < 1000 then break end
  start = start + left
end
local step = #found > 0 and redis.call('HINCRBY', KEYS[1], 'step', 1) or tonumber(meta[3] or 0)
return {step, next_at, found}
