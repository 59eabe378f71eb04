-- Sums up a part of one key, whatever the order of its parts, so that two generations can be compared without reading them.
-- KEYS: the key. ARGV: 'hash', 'zset' or 'stream', where to go on ('0' to begin), about how many.
-- Returns where to go on ('0' at the end), how many fields were counted, and two sums over the SHA-1 of each.
local kind, from, count = ARGV[1], ARGV[2], ARGV[3]
local names, values, after = {}, {}, '0'
if kind == 'stream' then
  local first = '-'
  if from ~= '0' then first = '(' .. from end
  local found = redis.call('XRANGE', KEYS[1], first, '+', 'COUNT', count)
  for i, entry in ipairs(found) do
    names[i], values[i] = entry[1], entry[2][2]
  end
  if #found == tonumber(count) then after = names[#names] end
else
  local found
  if kind == 'hash' then found = redis.call('HSCAN', KEYS[1], from, 'COUNT', count)
  else found = redis.call('ZSCAN', KEYS[1], from, 'COUNT', count) end
  after = found[1]
  for i = 1, #found[2], 2 do
    names[#names + 1], values[#values + 1] = found[2][i], found[2][i + 1]
  end
end
local one, other = 0, 0
for i = 1, #names do
  local digest = redis.sha1hex(names[i] .. '\0' .. values[i])
  one = (one + tonumber(string.sub(digest, 1, 12), 16)) % 281474976710656
  other = (other + tonumber(string.sub(digest, 13, 24), 16)) % 281474976710656
end
return {after, #names, string.format('%.0f', one), string.format('%.0f', other)}
