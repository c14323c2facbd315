-- The limiter counts in parts of a bucket that is the same for everybody; people count requests.

local BUCKET = 1000000000
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min

function envoy_on_response(handle)
  local told = handle:streamInfo():dynamicMetadata():get("turnout")
  if told == nil or told.limit == nil then return end
  local headers = handle:headers()
  local name = "x-ratelimit-remaining"
  -- The app may have sent one too; the limiter's comes last.
  local values = headers:getNumValues(name)
  local left = values > 0 and tonumber(headers:getAtIndex(name, values - 1))
  if not left then return end
  local window = tonumber(told.window)
  headers:replace("x-ratelimit-limit", tostring(told.limit))
  headers:replace(name, tostring(min(told.limit, floor(left / told.cost))))
  headers:replace("x-ratelimit-reset", tostring(ceil((BUCKET - left) / BUCKET * window)))
  if headers:get(":status") == "429" and left < told.cost then
    headers:replace("retry-after", tostring(max(1, ceil((told.cost - left) / BUCKET * window))))
  end
end
