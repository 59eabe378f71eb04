-- Moves content and cursor together, if the claim still holds and the cursor stands where the batch begins.
-- Redis does not take back what a script wrote before it failed. A batch that is refused after its first write is noted as `torn`, and
-- nobody goes on from there: what is there in part would be held for a repetition. Full memory is refused at the first write or not at all.
-- KEYS: meta, live, wake. ARGV: token, offset, next offset, generation, {{command, key, …}, …} packed, woken stories or ''.
-- Returns 'OK', 'FENCED', 'MOVED' and where the cursor stands, or 'TORN' and what was refused.
local held = redis.call('HMGET', KEYS[1], 'token', 'next', 'torn')
if held[1] ~= ARGV[1] then return 'FENCED' end
if held[2] ~= ARGV[2] then return 'MOVED ' .. held[2] end
if held[3] then return 'TORN ' .. held[3] end
for i, write in ipairs(cmsgpack.unpack(ARGV[5])) do
  local done = redis.pcall(unpack(write))
  if type(done) == 'table' and done.err then
    if i == 1 then return done end -- nothing is written, so it can be tried again
    local refused = write[1] .. ' ' .. write[2] .. ': ' .. done.err
    redis.call('HSET', KEYS[1], 'torn', refused)
    return 'TORN ' .. refused
  end
end
redis.call('HSET', KEYS[1], 'next', ARGV[3])
if ARGV[6] ~= '' and redis.call('GET', KEYS[2]) == ARGV[4] then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'stories', ARGV[6])
end
return 'OK'
