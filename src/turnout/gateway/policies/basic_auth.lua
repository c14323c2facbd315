-- Basic auth with salted PBKDF2-HMAC-SHA256. Runs only for routes that name this script; their context holds
-- rounds, salt and digest by user. Whatever goes wrong in here, nobody is let in. What was found good before is
-- known by one SHA-256, so that only a first request and a wrong password pay for all the rounds.

local bit = require("bit")
local band, bnot, bor, bxor = bit.band, bit.bnot, bit.bor, bit.bxor
local lshift, rshift, ror, tobit = bit.lshift, bit.rshift, bit.ror, bit.tobit
local byte, char, sub, rep, format = string.byte, string.char, string.sub, string.rep, string.format

local K = {}
local FIRST = {}

-- The first bits of the fractional parts of the roots of the first primes are the constants of SHA-256.
do
  local function fraction(root)
    return tobit(math.floor((root - math.floor(root)) * 4294967296))
  end
  local candidate, count = 2, 0
  while count < 64 do
    local is_prime = true
    for divisor = 2, math.floor(math.sqrt(candidate)) do
      if candidate % divisor == 0 then is_prime = false break end
    end
    if is_prime then
      count = count + 1
      K[count] = fraction(candidate ^ (1 / 3))
      if count <= 8 then FIRST[count] = fraction(math.sqrt(candidate)) end
    end
    candidate = candidate + 1
  end
end

local W = {}

-- One block of 16 words in W[1..16], into the eight words of `state`.
local function compress(state)
  for i = 17, 64 do
    local a, b = W[i - 15], W[i - 2]
    local s0 = bxor(ror(a, 7), ror(a, 18), rshift(a, 3))
    local s1 = bxor(ror(b, 17), ror(b, 19), rshift(b, 10))
    W[i] = tobit(W[i - 16] + s0 + W[i - 7] + s1)
  end
  local a, b, c, d, e, f, g, h =
    state[1], state[2], state[3], state[4], state[5], state[6], state[7], state[8]
  for i = 1, 64 do
    local t1 = tobit(h + bxor(ror(e, 6), ror(e, 11), ror(e, 25)) + bxor(band(e, f), band(bnot(e), g)) + K[i] + W[i])
    local t2 = tobit(bxor(ror(a, 2), ror(a, 13), ror(a, 22)) + bxor(band(a, b), band(a, c), band(b, c)))
    h, g, f, e, d, c, b, a = g, f, e, tobit(d + t1), c, b, a, tobit(t1 + t2)
  end
  state[1], state[2], state[3], state[4] = tobit(state[1] + a), tobit(state[2] + b), tobit(state[3] + c), tobit(state[4] + d)
  state[5], state[6], state[7], state[8] = tobit(state[5] + e), tobit(state[6] + f), tobit(state[7] + g), tobit(state[8] + h)
end

local function copy(words)
  return { words[1], words[2], words[3], words[4], words[5], words[6], words[7], words[8] }
end

-- Absorb `text`, before which `before` bytes went into `state`; returns the eight words of the digest.
local function finish(state, text, before)
  local length = (before + #text) * 8
  local padded = text .. "\128" .. rep("\0", (55 - before - #text) % 64)
    .. char(0, 0, 0, 0, band(rshift(length, 24), 255), band(rshift(length, 16), 255), band(rshift(length, 8), 255), band(length, 255))
  for start = 1, #padded, 64 do
    for i = 0, 15 do
      local b1, b2, b3, b4 = byte(padded, start + i * 4, start + i * 4 + 3)
      W[i + 1] = bor(lshift(b1, 24), lshift(b2, 16), lshift(b3, 8), b4)
    end
    compress(state)
  end
  return state
end

local function sha256(text)
  return finish(copy(FIRST), text, 0)
end

local function to_bytes(words)
  local parts = {}
  for i = 1, 8 do
    local w = words[i]
    parts[i] = char(band(rshift(w, 24), 255), band(rshift(w, 16), 255), band(rshift(w, 8), 255), band(w, 255))
  end
  return table.concat(parts)
end

local function to_hex(words)
  local parts = {}
  for i = 1, 8 do parts[i] = bit.tohex(words[i]) end
  return table.concat(parts)
end

-- The state after the key's block, XORed with `pad`.
local function keyed(key, pad)
  if #key > 64 then key = to_bytes(sha256(key)) end
  key = key .. rep("\0", 64 - #key)
  for i = 0, 15 do
    local b1, b2, b3, b4 = byte(key, i * 4 + 1, i * 4 + 4)
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
  return to_hex(result)
end

local function same(one, other)
  local difference = bxor(#one, #other)
  for i = 1, math.min(#one, #other) do
    difference = bor(difference, bxor(byte(one, i), byte(other, i)))
  end
  return difference == 0
end

local ALPHABET = {}
for i = 1, 64 do
  ALPHABET[byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", i)] = i - 1
end

local function from_base64(text)
  local data = string.match(text, "^([A-Za-z0-9+/]+)=?=?$")
  if data == nil or #data % 4 == 1 or #data > 1024 then return nil end
  local parts, bits, count = {}, 0, 0
  for i = 1, #data do
    bits, count = band(bor(lshift(bits, 6), ALPHABET[byte(data, i)]), 0xfffff), count + 6
    if count >= 8 then
      count = count - 8
      parts[#parts + 1] = char(band(rshift(bits, count), 255))
    end
  end
  return table.concat(parts)
end

local function from_hex(text)
  return (string.gsub(text, "%x%x", function(pair) return char(tonumber(pair, 16)) end))
end

local known, known_count = {}, 0

local function is_good(user, password, stored)
  local memory = to_hex(sha256(stored.digest .. stored.salt .. password))
  if known[memory] then return true end
  if not same(pbkdf2(password, from_hex(stored.salt), stored.rounds), stored.digest) then return false end
  if known_count >= 512 then known, known_count = {}, 0 end
  known[memory], known_count = true, known_count + 1
  return true
end

-- Wrong passwords by whence they come and whose they claim to be; all that nobody has are one name.
local guesses, guess_count = {}, 0

-- What an attacker who has one address has of an IPv6 network besides: its first half.
local function origin(handle)
  local address = handle:streamInfo():downstreamRemoteAddress()
  local network = string.match(address, "^%[([^%]]+)%]")
  if network == nil then return string.match(address, "^([^:]+)") end
  return string.match(network, "^(%x+:%x+:%x+:%x+):%x") or string.match(network, "^(.-)::") or network
end

-- The guesses of the present window, which is another one after `window` milliseconds.
local function guesses_of(name, now, window)
  local found = guesses[name]
  if found == nil or now < found.since or now >= found.since + window then return nil end
  return found
end

local function note_guess(name, now, window)
  local found = guesses_of(name, now, window)
  if found ~= nil then
    found.count = found.count + 1
    return
  end
  if guesses[name] == nil then
    if guess_count >= 8192 then guesses, guess_count = {}, 0 end
    guess_count = guess_count + 1
  end
  guesses[name] = { since = now, count = 1 }
end

-- Checked for names that nobody has, so that the time of an answer does not tell which names there are.
local NOBODY = { rounds = 128, salt = rep("0", 32), digest = rep("0", 64) }

-- Whether the request may pass, and else for how many seconds no password is looked at any more.
local function may_pass(handle)
  local headers = handle:headers()
  if headers:getNumValues("authorization") ~= 1 then return false end
  local scheme, token = string.match(headers:get("authorization"), "^(%a+) +([%w+/=]+) *$")
  if scheme == nil or string.lower(scheme) ~= "basic" then return false end
  local decoded = from_base64(token)
  if decoded == nil then return false end
  local user, password = string.match(decoded, "^([^:]+):(.*)$")
  if user == nil then return false end
  local context = handle:filterContext()
  local stored, window = context:get("users")[user], context:get("window_ms")
  local now, name = handle:timestamp(), origin(handle) .. " " .. (stored and stored.salt .. user or "")
  local before = guesses_of(name, now, window)
  -- Also a good one is not looked at then: it would be told apart from a wrong one.
  if before ~= nil and before.count >= context:get("guesses") then
    return false, math.ceil((before.since + window - now) / 1000)
  end
  if is_good(user, password, stored or NOBODY) and stored ~= nil then return true end
  note_guess(name, now, window)
  return false
end

local function refuse(handle, status, extra, title, detail)
  handle:streamInfo():dynamicMetadata():set("turnout", "answer", "problem")
  local headers = { [":status"] = status, ["cache-control"] = "no-store" }
  for name, value in pairs(extra) do headers[name] = value end
  handle:respond(headers, format('{"type":"about:blank","title":"%s","status":%s,"detail":"%s"}', title, status, detail))
end

function envoy_on_request(handle)
  local ok, passes, wait = pcall(may_pass, handle)
  if ok and passes then
    handle:headers():remove("authorization")
    return
  end
  if not ok then handle:logErr("basic auth: " .. tostring(passes)) end
  if ok and wait ~= nil then
    return refuse(handle, "429", { ["retry-after"] = tostring(wait) }, "Too many wrong passwords",
      "Too many wrong passwords came from your address; try again in " .. wait .. " seconds.")
  end
  refuse(handle, "401", { ["www-authenticate"] = 'Basic realm="preview", charset="UTF-8"' }, "Not signed in",
    "This site is open to those who have a name and a password for it.")
end
