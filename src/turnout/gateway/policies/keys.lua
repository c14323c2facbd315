-- Lets a request pass if it brings a good key of the keyspace that its route names. Follows `sha256` in one chunk.
--
-- The keyspace is in the metadata of the route, the keys are in the filter context of the route configuration:
-- one field for each, named by the SHA-256 of the secret, so that looking one up costs the same among thousands.
-- Both are of the one resource that also says where the request goes.

local PREFIX = "tnk_"
local LENGTH = 47
local BUCKET = 1000000000
local DETAIL = "This domain needs a key, as `Authorization: Bearer <key>` or `X-API-Key: <key>`. "
  .. "There was none, or it is not one that is valid here and now."

local find, lower, match, sub = string.find, string.lower, string.match, string.sub
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min

-- The header's value if it could be a key: of the right length and beginning.
local function formed(value)
  if #value == LENGTH and sub(value, 1, 4) == PREFIX then return value end
end

local function bearer(value)
  if lower(sub(value, 1, 7)) == "bearer " then return formed(match(value, "^ *(.-) *$", 8)) end
end

-- The key that the request brings, or nil. Whatever looks like one is taken out, so that no app ever sees a key.
local function take_key(headers)
  local key
  local value = headers:get("authorization")
  if value ~= nil and find(value, PREFIX, 1, true) then
    key = bearer(value)
    headers:remove("authorization")
  end
  value = headers:get("x-api-key")
  if value ~= nil and find(value, PREFIX, 1, true) then
    key = key or formed(value)
    headers:remove("x-api-key")
  end
  return key
end

-- Whether the request may pass; if so, the app and the log are told whose key it was.
local function admitted(handle, keyspace)
  local headers = handle:headers()
  local key = take_key(headers)
  if key == nil then return false end
  local record = handle:filterContext():get(sha256(key))
  if record == nil then return false end
  local of, id, expires, requests, seconds = match(record, "^(%S+) (%S+) (%d+) (%d+) (%d+)$")
  if of ~= keyspace then return false end
  expires = tonumber(expires)
  if expires ~= 0 and handle:timestamp() >= expires then return false end
  local told = handle:streamInfo():dynamicMetadata()
  if requests ~= "0" then
    told:set("turnout", "limit", tonumber(requests))
    told:set("turnout", "window", seconds)
    told:set("turnout", "cost", floor(BUCKET / tonumber(requests)))
  end
  headers:add("x-turnout-key-id", id)
  told:set("turnout", "key_id", id)
  return true
end

function envoy_on_request(handle)
  local keyspace = handle:metadata():get("keyspace")
  if keyspace == nil then return end
  -- Envoy lets a request pass whose script has failed; here it must not.
  local ran, good = pcall(admitted, handle, keyspace)
  if ran and good then return end
  if not ran then handle:logErr("a key could not be checked, the request is refused: " .. tostring(good)) end
  handle:streamInfo():dynamicMetadata():set("turnout", "refused", "key")
  handle:respond({[":status"] = "401", ["www-authenticate"] = 'Bearer realm="turnout"'}, DETAIL)
end

-- The limiter counts in parts of a bucket that is the same for everybody; people count requests.
function envoy_on_response(handle)
  local told = handle:streamInfo():dynamicMetadata():get("turnout")
  if told == nil or told.limit == nil then return end
  local headers = handle:headers()
  local name = "x-ratelimit-remaining"
  local left = headers:getNumValues(name) > 0 and tonumber(headers:getAtIndex(name, headers:getNumValues(name) - 1))
  if not left then return end
  local window = tonumber(told.window)
  headers:replace("x-ratelimit-limit", tostring(told.limit))
  headers:replace(name, tostring(min(told.limit, floor(left / told.cost))))
  headers:replace("x-ratelimit-reset", tostring(ceil((BUCKET - left) / BUCKET * window)))
  if headers:get(":status") == "429" and left < told.cost then
    headers:replace("retry-after", tostring(max(1, ceil((told.cost - left) / BUCKET * window))))
  end
end
