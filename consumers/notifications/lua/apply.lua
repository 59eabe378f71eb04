-- Moves the index and its cursor together, as the timeline's apply does, and makes due who may have to be told.
-- What fails after its first write leaves the index torn; it is thrown away and built anew at the next claim.
-- KEYS: meta. ARGV: token, offset, next offset, prefix, {{command, key, …}, …} packed, now in milliseconds,
-- {{story, seq, urgent, {subscription, …}, update of which whoever got it is told too or ''}, …} packed, each story's in order.
-- Returns 'OK', 'FENCED', 'MOVED' and where the cursor stands, or 'TORN' and what was refused.
local held = redis.call('HMGET', KEYS[1], 'token', 'next', 'torn')
if held[1] ~= ARGV[1] then return 'FENCED' end
if held[2] ~= ARGV[2] then return 'MOVED ' .. held[2] end
if held[3] then return 'TORN ' .. held[3] end
local g, now = ARGV[4], tonumber(ARGV[6])
local function torn(refused)
  redis.call('HSET', KEYS[1], 'torn', refused)
  return 'TORN ' .. refused
end
for i, write in ipairs(cmsgpack.unpack(ARGV[5])) do
  local done = redis.pcall(unpack(write))
  if type(done) == 'table' and done.err then
    if i == 1 then return done end -- nothing is written, so it can be tried again
    return torn(write[1] .. ' ' .. write[2] .. ': ' .. done.err)
  end
end
local ok, problem = pcall(function()
  for _, one in ipairs(cmsgpack.unpack(ARGV[7])) do
    for _, sub in ipairs(one[4]) do mark(g, sub, one[1], one[2], one[3], now) end
    if one[5] ~= '' then
      for _, sub in ipairs(redis.call('HKEYS', g .. 'got/' .. one[1] .. '/' .. one[5])) do mark(g, sub, one[1], one[2], one[3], now) end
    end
  end
end)
if not ok then return torn(type(problem) == 'table' and problem.err or tostring(problem)) end
redis.call('HSET', KEYS[1], 'next', ARGV[3])
return 'OK'
