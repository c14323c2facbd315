-- SHA-256 (FIPS 180-4). Envoy's Lua has no hash of its own. On LuaJIT, whose `bit` works on 32-bit numbers.

local bit = require("bit")
local band, bnot, bor, bxor = bit.band, bit.bnot, bit.bor, bit.bxor
local lshift, rshift, ror = bit.lshift, bit.rshift, bit.ror
local tobit, tohex = bit.tobit, bit.tohex

-- The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
local K = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}
for i = 1, 64 do K[i] = tobit(K[i]) end

-- The first 32 bits of the fractional parts of the square roots of the first 8 primes.
local FIRST = {
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

-- The message schedule of one block. One table for all calls: nothing yields while it is in use.
local W = {}
for i = 1, 64 do W[i] = 0 end

-- Take the block in `W[1]` to `W[16]` into the eight words of `state`.
local function compress(state)
  for i = 17, 64 do
    local v, w = W[i - 15], W[i - 2]
    local s0 = bxor(ror(v, 7), ror(v, 18), rshift(v, 3))
    local s1 = bxor(ror(w, 17), ror(w, 19), rshift(w, 10))
    W[i] = tobit(W[i - 16] + s0 + W[i - 7] + s1)
  end
  local a, b, c, d, e, f, g, h =
    state[1], state[2], state[3], state[4], state[5], state[6], state[7], state[8]
  for i = 1, 64 do
    local s1 = bxor(ror(e, 6), ror(e, 11), ror(e, 25))
    local choice = bxor(band(e, f), band(bnot(e), g))
    local t1 = tobit(h + s1 + choice + K[i] + W[i])
    local s0 = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
    local majority = bxor(band(a, b), band(a, c), band(b, c))
    h, g, f, e, d, c, b, a = g, f, e, tobit(d + t1), c, b, a, tobit(t1 + s0 + majority)
  end
  state[1], state[2], state[3], state[4] = tobit(state[1] + a), tobit(state[2] + b), tobit(state[3] + c), tobit(state[4] + d)
  state[5], state[6], state[7], state[8] = tobit(state[5] + e), tobit(state[6] + f), tobit(state[7] + g), tobit(state[8] + h)
end

-- What follows the last `length` bytes of a message of any length: a one, zeros and its length in bits, to whole blocks.
local function padding(length)
  local bits = length * 8
  return "\128" .. string.rep("\0", (55 - length) % 64) .. "\0\0\0"
    .. string.char(math.floor(bits / 0x100000000) % 256, rshift(bits, 24), band(rshift(bits, 16), 255),
                   band(rshift(bits, 8), 255), band(bits, 255))
end

-- Take the rest of a message, of which `before` bytes (whole blocks) went into `state`; returns the digest's words.
local function finish(state, message, before)
  local text, byte = message .. padding(before + #message), string.byte
  for start = 1, #text, 64 do
    for i = 1, 16 do
      local p, q, r, s = byte(text, start + i * 4 - 4, start + i * 4 - 1)
      W[i] = bor(lshift(p, 24), lshift(q, 16), lshift(r, 8), s)
    end
    compress(state)
  end
  return state
end

local function copy(words)
  return {words[1], words[2], words[3], words[4], words[5], words[6], words[7], words[8]}
end

local function hex(words)
  local parts = {}
  for i = 1, 8 do parts[i] = tohex(words[i]) end
  return table.concat(parts)
end

-- The SHA-256 of a string of any bytes, as 64 hexadecimal digits in lower case.
local function sha256(message)
  return hex(finish(copy(FIRST), message, 0))
end
