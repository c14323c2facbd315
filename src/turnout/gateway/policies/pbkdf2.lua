-- PBKDF2-HMAC-SHA256 (RFC 8018) with one block of output. Follows `sha256` in one chunk.

local function to_bytes(words)
  local parts = {}
  for i = 1, 8 do
    local w = words[i]
    parts[i] = string.char(band(rshift(w, 24), 255), band(rshift(w, 16), 255), band(rshift(w, 8), 255), band(w, 255))
  end
  return table.concat(parts)
end

-- The state after the key's block, XORed with `pad`.
local function keyed(key, pad)
  if #key > 64 then key = to_bytes(finish(copy(FIRST), key, 0)) end
  key = key .. string.rep("\0", 64 - #key)
  for i = 0, 15 do
    local b1, b2, b3, b4 = string.byte(key, i * 4 + 1, i * 4 + 4)
    W[i + 1] = bxor(bor(lshift(b1, 24), lshift(b2, 16), lshift(b3, 8), b4), pad)
  end
  local state = copy(FIRST)
  compress(state)
  return state
end

local IPAD, OPAD = 0x36363636, 0x5c5c5c5c

-- A digest of eight words, as the only block behind a key's: 32 bytes, the padding, and 96 bytes in all.
local function finish_words(state, words)
  for i = 1, 8 do W[i] = words[i] end
  W[9] = tobit(0x80000000)
  for i = 10, 15 do W[i] = 0 end
  W[16] = 768
  compress(state)
  return state
end

local function pbkdf2(password, salt, rounds)
  local inner, outer = keyed(password, IPAD), keyed(password, OPAD)
  local u = finish_words(copy(outer), finish(copy(inner), salt .. "\0\0\0\1", 64))
  local result = copy(u)
  for _ = 2, rounds do
    u = finish_words(copy(outer), finish_words(copy(inner), u))
    for i = 1, 8 do result[i] = bxor(result[i], u[i]) end
  end
  return hex(result)
end
