-- wrk's part of benchmarks/servers.py. Each thread has one connection, and is one device.

local threads = 0

function setup(thread)
  thread:set("place", threads)
  threads = threads + 1
end

local function of_device(name)
  local value = os.getenv(name .. "_" .. place)
  return value ~= "" and value or nil
end

function init(args)
  wrk.method = os.getenv("METHOD")
  wrk.headers["Cookie"] = of_device("COOKIE")
  wrk.headers["Authorization"] = of_device("AUTHORIZATION")
  wrk.body = of_device("BODY")
end

if os.getenv("OPERATION") == "refresh" then
  function request()
    return wrk.format()
  end

  -- The next request has the token of this answer: in a cookie, the last that was set, or in the body.
  function response(status, headers, body)
    if wrk.body and wrk.body ~= "{}" then
      wrk.body = '{"refresh": "' .. body:match('"refresh":"([^"]+)"') .. '"}'
    else
      local set = headers["Set-Cookie"] or headers["set-cookie"]
      wrk.headers["Cookie"] = set:match("^[^;]+")
    end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
