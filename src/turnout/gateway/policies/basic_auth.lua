-- Basic auth with salted PBKDF2-HMAC-SHA256. Runs only for routes that name this script; their context holds
-- rounds, salt and digest by user. Whatever goes wrong in here, nobody is let in. What was found good before is
-- known by one SHA-256, so that only a first request and a wrong password pay for all the rounds. Follows `pbkdf2` in
-- one chunk.

local byte, char, sub, rep, format = string.byte, string.char, string.sub, string.rep, string.format

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
  local memory = sha256(stored.digest .. stored.salt .. password)
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
